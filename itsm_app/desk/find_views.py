"""What the search field finds: one ticket, a caller's tickets, or the results of a search."""

from __future__ import annotations

from flask import Response, redirect, request, url_for
from werkzeug import Response as BaseResponse

from .. import config
from ..api import error_responses, operations, parsing, request_schemas, response_schemas
from ..tickets import characters, numbers
from ..tickets.errors import InvalidField, MisheardNumber, TicketNotFound
from . import pages

# A list of a caller's tickets has short texts only, so its pages can be longer.
PAGE_TICKETS = "25"
PAGE_RESULTS = "10"

ViewResponse = BaseResponse | tuple[Response, int]


def find_tickets() -> ViewResponse:
    """Redirect to the ticket with this number or ID, or show the tickets that the text finds."""
    search_text = request.args.get("q", "").strip()
    if characters.is_empty(search_text):
        return pages.found("", None)
    try:
        query = request_schemas.OneTicketQuery(comments="none")
        ticket, _ = operations.get_ticket_status(search_text, query)
    except (MisheardNumber, TicketNotFound) as error:
        find = _search if config.uses_search() else _search_by_caller
        return find(search_text, error)
    return redirect(url_for("desk.show_ticket", ticket_id=ticket.ticket_id), 303)


def _search(search_text: str, error: MisheardNumber | TicketNotFound) -> ViewResponse:
    args = {"q": search_text, "cursor": request.args.get("cursor", ""), "limit": PAGE_RESULTS}
    try:
        query = parsing.load_form(request_schemas.SearchQuery, args)
        found = operations.search_tickets(query)
    except InvalidField as invalid:
        body, status = error_responses.explain(invalid)
        return pages.found(search_text, response_schemas.SearchResults([]), body), status
    if not _is_misheard(search_text, error, bool(found.tickets)):
        return pages.found(search_text, found)
    body, status = error_responses.explain(error)
    return pages.found(search_text, found, body), 200 if found.tickets else status


def _is_misheard(search_text: str, error: Exception, has_found: bool) -> bool:
    """Return whether a text that is no ticket number is likely to be meant as one."""
    if not isinstance(error, MisheardNumber):
        return False
    # A phone number can have 12 digits, too.
    if has_found:
        return error.digits == numbers.DIGITS and not search_text.startswith("+")
    return abs(error.digits - numbers.DIGITS) <= 1


def _search_by_caller(caller_id: str, error: MisheardNumber | TicketNotFound) -> ViewResponse:
    is_number = isinstance(error, MisheardNumber)
    args = {**request.args.to_dict(), "comments": "none", "limit": PAGE_TICKETS}
    query = parsing.load_form(request_schemas.TicketQuery, {**args, "caller": caller_id})
    try:
        found = operations.list_recent_tickets(query)
    except InvalidField as invalid:
        body, status = error_responses.explain(error if is_number else invalid)
        return pages.found(caller_id, response_schemas.TicketList([]), body), status
    # A caller ID of digits can look like a wrong ticket number.
    if found.tickets or not is_number:
        return pages.found(caller_id, found)
    body, status = error_responses.explain(error)
    return pages.found(caller_id, found, body), status
