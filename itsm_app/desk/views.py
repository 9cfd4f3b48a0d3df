"""The views of the desk's pages. Each calls the same operation as the API's route."""

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
# The ticket page shows these errors itself and keeps the text of the form. Others get the error
# page.
ERRORS_ON_TICKET_PAGE = (
    CallerErased,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    InvalidField,
    InvalidTransition,
    TicketClosed,
    TicketFull,
)
# The form fields that change a ticket.
CHANGE_FIELDS = ("comment", "status", "priority", "assignee", "give_back")
# What may follow `/desk` in the URL after the sign-in: a path or a query of printable ASCII.
NEXT_PATH = re.compile(r"[/?][!-~]*")

ViewResponse = BaseResponse | tuple[Response, int]


def require_session() -> BaseResponse | None:
    """Send requests without a session to the sign-in page. Runs before every view of the desk.

    Raises:
        NoKeys, DeskShut: The desk is disabled.
        CrossSite: The request does not come from a page of the desk.
        NoSession: A form was sent without a session.
    """
    view = (request.endpoint or "").rpartition(".")[2]
    if view == "show_file":
        return None
    sessions.check_enabled()
    sessions.check_origin()
    if view in ("show_sign_in", "sign_in"):
        return None
    try:
        g.key = sessions.key()
    except NoSession:
        if request.method == "POST":
            raise
        return _redirect_to_sign_in()
    return None


def show_ticket(ticket_id: str) -> Response:
    """Show a ticket with its conversation and history."""
    return _ticket_page(ticket_id)


def change_ticket(ticket_id: str) -> ViewResponse:
    """Change a ticket as the form says, if the ticket has not changed since the form was shown."""
    form = request.form
    if form.get("status") == "closed" and "sure" not in form:
        return _confirm_closing(ticket_id)
    try:
        # An answer is sent even if the caller has commented since. The page then shows the comment.
        is_answer = not form.get("status")
        operations.update_ticket(ticket_id, _parse_change(), {form.get("version", "")}, is_answer)
    except ERRORS_ON_TICKET_PAGE as error:
        body, status = error_responses.explain(error)
        return _ticket_page(ticket_id, body, form.get("comment", "")), status
    done = [field for field in CHANGE_FIELDS if form.get(field, "").strip()]
    return redirect(url_for("desk.show_ticket", ticket_id=ticket_id, done=done), 303)


def find_tickets() -> ViewResponse:
    """Redirect to the ticket with this number or ID, or show the tickets of this caller."""
    search_text = request.args.get("q", "").strip()
    if not search_text:
        return pages.search_results(search_text, None)
    try:
        query = request_schemas.OneTicketQuery(comments="none")
        ticket, _ = operations.get_ticket_status(search_text, query)
    except (MisheardNumber, TicketNotFound) as error:
        return _search_by_caller(search_text, error)
    return redirect(url_for("desk.show_ticket", ticket_id=ticket.ticket_id), 303)


def show_new_ticket() -> Response:
    """Show the form for a new ticket."""
    return pages.new_ticket(request.args)


def create_ticket() -> ViewResponse:
    """Create a ticket for a caller."""
    try:
        new = parsing.load_form(request_schemas.NewTicket, request.form.to_dict())
        created, _ = operations.create_ticket(new)
    except (IdempotencyKeyReused, InvalidField) as error:
        body, status = error_responses.explain(error)
        return pages.new_ticket(request.form, body), status
    url = url_for("desk.show_ticket", ticket_id=created.ticket_id, done="create")
    return redirect(url, 303)


def show_stats() -> Response:
    """Show the statistics of the last 14 days."""
    return pages.stats(*by_day(STATS_DAYS))


def show_sign_in() -> BaseResponse:
    """Show the sign-in form."""
    if not sessions.are_required():
        return redirect(url_for("desk.show_queue"), 303)
    return pages.sign_in()


def sign_in() -> BaseResponse:
    """Start a session with a key of the role `desk`, and redirect to the page in `next`."""
    next_path = request.args.get("next", "")
    home = url_for("desk.show_queue").rstrip("/")
    response = redirect(home + next_path if NEXT_PATH.fullmatch(next_path) else home, 303)
    return sessions.start(response, request.form.get("key", "").strip())


def sign_out() -> BaseResponse:
    """End the session of this browser."""
    return sessions.end(redirect(url_for("desk.show_sign_in", done="sign_out"), 303))


def show_file(name: str) -> Response:
    """Return a static file."""
    if name not in pages.STATIC_FILES:
        raise NotFound
    return pages.static_file(name)


def _redirect_to_sign_in() -> BaseResponse:
    # `request.full_path` would replace bytes of the query that are not UTF-8.
    query = quote(request.query_string, safe=punctuation)
    path = f"{request.path}?{query}".removeprefix("/desk").rstrip("?")
    # A browser does not send a SameSite=Strict cookie when a link on another site is followed. A
    # page of the desk that reloads itself makes the browser send the cookie.
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and "from" not in request.args:
        return pages.render("follow.html", path=f"{path}{'&' if '?' in path else '?'}from=link")
    return redirect(url_for("desk.show_sign_in", next=path or None), 303)


def _parse_change() -> request_schemas.TicketChange:
    if not any(request.form.get(field, "").strip() for field in CHANGE_FIELDS):
        raise parsing.missing(request_schemas.TicketChange, "comment")
    change = parsing.load_form(request_schemas.TicketChange, request.form.to_dict())
    if "give_back" in request.form:
        change.assignee = None
    return change


def _ticket_page(
    ticket_id: str, error: response_schemas.Error | None = None, answer: str = ""
) -> Response:
    query = request_schemas.DeskTicketQuery(history="all")
    ticket, version = operations.get_ticket_status(ticket_id, query)
    return pages.ticket(cast("response_schemas.DeskTicket", ticket), version, error, answer)


def _confirm_closing(ticket_id: str) -> Response:
    query = request_schemas.OneTicketQuery(comments="none")
    ticket, _ = operations.get_ticket_status(ticket_id, query)
    return pages.render("close.html", ticket=ticket, form=request.form)


def _search_by_caller(caller_id: str, error: MisheardNumber | TicketNotFound) -> ViewResponse:
    args = {**request.args.to_dict(), "comments": "none", "limit": PAGE_TICKETS}
    query = parsing.load_form(request_schemas.TicketQuery, {**args, "caller": caller_id})
    found = operations.list_recent_tickets(query)
    # A caller ID of digits can look like a wrong ticket number.
    if found.tickets or isinstance(error, TicketNotFound):
        return pages.search_results(caller_id, found)
    body, status = error_responses.explain(error)
    return pages.search_results(caller_id, found, body), status
