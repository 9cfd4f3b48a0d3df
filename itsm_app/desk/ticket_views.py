"""The views of the ticket page and of the form for a new ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask import Response, g, redirect, request, url_for
from msgspec import UNSET
from werkzeug import Response as BaseResponse

from ..api import error_responses, operations, parsing, request_schemas, response_schemas
from ..tickets import callers, merging
from ..tickets.errors import (
    CallerErased,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    InvalidField,
    InvalidTransition,
    MisheardNumber,
    TicketBusy,
    TicketClosed,
    TicketFull,
    TicketNotFound,
)
from ..tickets.get import get_ticket
from . import messages, ticket_form, ticket_pages

# The ticket page shows these errors itself and keeps everything that was entered. Others get the
# error page.
ERRORS_ON_TICKET_PAGE = (
    CallerErased,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    InvalidField,
    InvalidTransition,
    TicketBusy,
    TicketClosed,
    TicketFull,
)
# What is wrong with the number of another ticket.
WRONG_NUMBER = (InvalidField, MisheardNumber, TicketNotFound)
# The caller's latest tickets beside the conversation.
RECENT_TICKETS = 5

ViewResponse = BaseResponse | tuple[Response, int]


def show_ticket(ticket_id: str) -> Response:
    """Show a ticket with its conversation and history."""
    return _page(ticket_id)


def change_ticket(ticket_id: str) -> ViewResponse:
    """Change a ticket as the form says, if the ticket has not changed since the form was shown."""
    form = request.form
    if "back" in form:
        return _page(ticket_id, form)
    try:
        change = ticket_form.parse(form, g.key.name)
        if "sure" not in form and (change.status == "closed" or change.duplicate_of):
            return _confirm(ticket_id, change)
        version, seen_comments = ticket_form.parse_version(form.get("version", ""))
        if not ticket_form.accepts_comments(change):
            seen_comments = None
        operations.update_ticket(ticket_id, change, {version}, seen_comments)
    except ERRORS_ON_TICKET_PAGE as error:
        body, status = error_responses.explain(error)
        return _page(ticket_id, form, body, messages.form_message(error, body)), status
    done = _done(change)
    if "take" in form and ticket_form.has_text(form) and "keeps_draft" not in form:
        # Without a script, only this response can keep the text that was not sent.
        return _page(ticket_id, _only_text(form), done=done)
    # The page leads back to the view that it came from.
    arguments: dict[str, Any] = {"done": done, "from": request.args.get("from")}
    return redirect(url_for("desk.show_ticket", ticket_id=ticket_id, **arguments), 303)


def show_new_ticket() -> Response:
    """Show the form for a new ticket."""
    return ticket_pages.new_ticket(request.args)


def create_ticket() -> ViewResponse:
    """Create a ticket for a caller."""
    form = request.form
    try:
        new = parsing.load_form(request_schemas.DeskNewTicket, form.to_dict())
        if ticket_pages.is_only_prefix(new.issue_description, new.follow_up_of):
            raise parsing.missing(request_schemas.DeskNewTicket, "issue_description")
        created, _ = operations.create_ticket(new)
    except (IdempotencyKeyReused, *WRONG_NUMBER) as error:
        body, status = error_responses.explain(error)
        message = messages.form_message(error, body, "follow_up_of")
        return ticket_pages.new_ticket(form, message), status
    url = url_for("desk.show_ticket", ticket_id=created.ticket_id, done="create")
    return redirect(url, 303)


def _page(
    ticket_id: str,
    form: Mapping[str, str] | None = None,
    error: response_schemas.Error | None = None,
    message: str | None = None,
    done: list[str] | None = None,
) -> Response:
    query = request_schemas.DeskTicketQuery(history="all")
    found, version = operations.get_ticket_status(ticket_id, query)
    ticket = cast("response_schemas.DeskTicket", found)
    caller_comments = sum(each.author is None for each in ticket.comments)
    return ticket_pages.ticket(
        ticket,
        f"{version} {caller_comments}",
        form=form or {},
        recent_tickets=_recent_tickets(ticket),
        error_message=message,
        has_changed=error is not None and error.code == "changed_meanwhile",
        done=request.args.getlist("done") if done is None else done,
    )


def _recent_tickets(ticket: response_schemas.DeskTicket) -> list[response_schemas.Ticket]:
    """Return the caller's latest tickets without this ticket."""
    if callers.is_withheld(ticket.caller_id):
        return []
    try:
        query = request_schemas.TicketQuery(
            caller=ticket.caller_id, comments="none", limit=RECENT_TICKETS + 1
        )
        found = operations.list_recent_tickets(query).tickets
    except InvalidField:
        # Earlier releases stored caller ids that are not valid today.
        return []
    return [each for each in found if each.ticket_id != ticket.ticket_id][:RECENT_TICKETS]


def _confirm(ticket_id: str, change: request_schemas.TicketChange) -> ViewResponse:
    query = request_schemas.OneTicketQuery(comments="none")
    ticket, _ = operations.get_ticket_status(ticket_id, query)
    survivor = None
    if change.duplicate_of is not None:
        try:
            survivor = merging.find_survivor(get_ticket(ticket_id), change.duplicate_of)
        except WRONG_NUMBER as error:
            body, status = error_responses.explain(error)
            message = messages.form_message(error, body, "duplicate_of")
            return _page(ticket_id, request.form, body, message), status
    return ticket_pages.confirm_closing(ticket, survivor, change, request.form)


def _done(change: request_schemas.TicketChange) -> list[str]:
    """Return the keys of the messages about a change, see `messages.SUCCESS_MESSAGES`."""
    done = []
    if change.comment is not None:
        done.append("note" if change.visibility == "internal" else "comment")
    done += [name for name in ("status", "priority") if getattr(change, name) is not None]
    if change.assignee is not UNSET:
        done.append("give_back" if change.assignee is None else "assignee")
    return [*done, "merge"] if change.duplicate_of else done


def _only_text(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form[name] for name in ("comment", "visibility") if name in form}
