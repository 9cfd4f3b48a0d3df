"""What the pages of the desk do. Each calls the same operation as its route of the API."""

from __future__ import annotations

import re
from string import punctuation
from typing import cast
from urllib.parse import quote

from flask import Response, g, redirect, request, url_for
from werkzeug import Response as BaseResponse
from werkzeug.exceptions import NotFound

from ..api import error_responses, operations, parsing, request_schemas, response_schemas
from ..api.errors import NoSession
from ..tickets.errors import (
    CallerErased,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    InvalidField,
    InvalidTransition,
    MisheardNumber,
    TicketClosed,
    TicketFull,
    TicketNotFound,
)
from ..tickets.stats import by_day
from . import pages, sessions

PAGE_TICKETS = "25"
STATS_DAYS = 14
# What a page tells beside what was typed, for people to decide anew.
REFUSALS = (
    CallerErased,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    InvalidField,
    InvalidTransition,
    TicketClosed,
    TicketFull,
)
# The fields of a form that change something.
CHANGES = ("comment", "status", "priority", "assignee", "give_back")
# Where to go on after signing in: a path or a query of the desk's own.
BELOW_DESK = re.compile(r"[/?][!-~]*")

Answer = BaseResponse | tuple[Response, int]


def let_in() -> BaseResponse | None:
    """Let nobody in without a session but to sign in. Raises as `sessions` does."""
    view = (request.endpoint or "").rpartition(".")[2]
    if view == "show_file":
        return None
    sessions.check_open()
    sessions.check_origin()
    if view in ("show_sign_in", "sign_in"):
        return None
    try:
        g.key = sessions.key()
    except NoSession:
        if request.method == "POST":
            raise
        return _lead_in()
    return None


def show_queue() -> Response:
    """Show the tickets of a status, 25 to a page."""
    wanted = {"status": "open", **request.args.to_dict(), "limit": PAGE_TICKETS}
    query = parsing.load_form(request_schemas.QueueQuery, wanted)
    return pages.queue(query, operations.list_queue(query))


def show_ticket(ticket_id: str) -> Response:
    """Show a ticket with all that was said and done."""
    return _ticket(ticket_id)


def change_ticket(ticket_id: str) -> Answer:
    """Do to a ticket what one of its forms says, if it is still as that form has shown it."""
    form = request.form
    if form.get("status") == "closed" and "sure" not in form:
        return _ask_before_closing(ticket_id)
    try:
        operations.update_ticket(ticket_id, _change(), {form.get("version", "")})
    except REFUSALS as error:
        refused, status = error_responses.explain(error)
        return _ticket(ticket_id, refused, form.get("comment", "")), status
    done = [name for name in CHANGES if form.get(name, "").strip()]
    return redirect(url_for("desk.show_ticket", ticket_id=ticket_id, done=done), 303)


def find_tickets() -> Answer:
    """Go to the ticket with the number that was typed, or show the tickets of that caller."""
    typed = request.args.get("q", "").strip()
    if not typed:
        return pages.found(typed, None)
    try:
        query = request_schemas.OneTicketQuery(comments="none")
        ticket, _ = operations.get_ticket_status(typed, query)
    except (MisheardNumber, TicketNotFound) as error:
        return _of_caller(typed, error)
    return redirect(url_for("desk.show_ticket", ticket_id=ticket.ticket_id), 303)


def show_new_ticket() -> Response:
    """Show the form for a new ticket."""
    return pages.new_ticket(request.args)


def create_ticket() -> Answer:
    """File a ticket on behalf of a caller."""
    try:
        new = parsing.load_form(request_schemas.NewTicket, request.form.to_dict())
        created, _ = operations.create_ticket(new)
    except (IdempotencyKeyReused, InvalidField) as error:
        refused, status = error_responses.explain(error)
        return pages.new_ticket(request.form, refused), status
    url = url_for("desk.show_ticket", ticket_id=created.ticket_id, done="create")
    return redirect(url, 303)


def show_stats() -> Response:
    """Show what the desk got done in the last two weeks."""
    return pages.stats(*by_day(STATS_DAYS))


def show_sign_in() -> BaseResponse:
    """Show the form to sign in."""
    if not sessions.are_needed():
        return redirect(url_for("desk.show_queue"), 303)
    return pages.sign_in()


def sign_in() -> BaseResponse:
    """Begin a session with a key of the desk."""
    below = request.args.get("next", "")
    home = url_for("desk.show_queue").rstrip("/")
    response = redirect(home + below if BELOW_DESK.fullmatch(below) else home, 303)
    return sessions.begin(response, request.form.get("key", "").strip())


def sign_out() -> BaseResponse:
    """End this browser's session."""
    return sessions.end(redirect(url_for("desk.show_sign_in", done="sign_out"), 303))


def show_file(name: str) -> Response:
    """Return the style sheet or the script."""
    if name not in pages.FILES:
        raise NotFound
    return pages.file(name)


def _lead_in() -> BaseResponse:
    # Not `full_path`, which takes no query but UTF-8.
    query = quote(request.query_string, safe=punctuation)
    below = f"{request.path}?{query}".removeprefix("/desk").rstrip("?")
    # Who follows a link of another site sends no cookie that is `SameSite=Strict`; from a page of
    # ours they do.
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and "from" not in request.args:
        return pages.page("follow.html", below=f"{below}{'&' if '?' in below else '?'}from=link")
    return redirect(url_for("desk.show_sign_in", next=below or None), 303)


def _change() -> request_schemas.TicketChange:
    if not any(request.form.get(name, "").strip() for name in CHANGES):
        raise parsing.missing(request_schemas.TicketChange, "comment")
    change = parsing.load_form(request_schemas.TicketChange, request.form.to_dict())
    if "give_back" in request.form:
        change.assignee = None
    return change


def _ticket(
    ticket_id: str, refused: response_schemas.Error | None = None, typed: str = ""
) -> Response:
    query = request_schemas.DeskTicketQuery(history="all")
    ticket, version = operations.get_ticket_status(ticket_id, query)
    return pages.ticket(cast("response_schemas.DeskTicket", ticket), version, refused, typed)


def _ask_before_closing(ticket_id: str) -> Response:
    query = request_schemas.OneTicketQuery(comments="none")
    ticket, _ = operations.get_ticket_status(ticket_id, query)
    return pages.page("close.html", ticket=ticket, form=request.form)


def _of_caller(typed: str, error: MisheardNumber | TicketNotFound) -> Answer:
    wanted = {**request.args.to_dict(), "caller": typed, "comments": "none", "limit": PAGE_TICKETS}
    found = operations.list_recent_tickets(parsing.load_form(request_schemas.TicketQuery, wanted))
    # Digits that are no ticket's number may be a caller's.
    if found.tickets or isinstance(error, TicketNotFound):
        return pages.found(typed, found)
    refused, status = error_responses.explain(error)
    return pages.found(typed, found, refused), status
