"""List tickets page by page: a caller's tickets, and the queue of a status."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..storage import queries, sizes
from ..storage.models import Ticket
from . import cursors
from .limits import DEFAULT_PAGE_TICKETS, MAX_PAGE_BYTES, MAX_TICKETS_READ

# The tickets of a page, and the cursor of the next page. The cursor of the last page is None.
Page = tuple[list[Ticket], str | None]


def list_recent_tickets(
    caller_id: str,
    status: str | None = None,
    limit: int = DEFAULT_PAGE_TICKETS,
    cursor: str | None = None,
    max_bytes: int = MAX_PAGE_BYTES,
    bytes_of: Callable[[Ticket], int] = sizes.of_ticket,
) -> Page:
    """Return a page of a caller's tickets, newest first.

    The page has fewer than `limit` tickets if the next ticket would exceed `max_bytes`, or if 100
    tickets or 2.9 MB were read. Every ticket that was read counts for the last two limits, even if
    the page leaves it out because of `status`.

    Args:
        caller_id: The caller.
        status: Return only tickets of this status.
        limit: How many tickets a page has at most.
        cursor: The cursor of this page, or None for the first page.
        max_bytes: The maximum size of a page. The first ticket can exceed it.
        bytes_of: Returns the size of a ticket on the page.

    Raises:
        InvalidField: The cursor was altered or belongs to another list.
    """
    filters = {"status": status}
    return _page("caller_id", caller_id, filters, limit, cursor, True, max_bytes, bytes_of)


def list_queue(
    status: str,
    priority: str | None = None,
    assignee: str | None = None,
    newest_first: bool = False,
    limit: int = DEFAULT_PAGE_TICKETS,
    cursor: str | None = None,
) -> Page:
    """Return a page of the tickets of a status, without comments, oldest first by default.

    The limits of a page and the errors are the same as in `list_recent_tickets`.
    """
    filters = {"priority": priority, "assignee": assignee}
    return _page("status", status, filters, limit, cursor, newest_first)


def _page(
    key: str,
    value: str,
    filters: dict[str, str | None],
    limit: int,
    cursor: str | None,
    newest_first: bool,
    max_bytes: int = MAX_PAGE_BYTES,
    bytes_of: Callable[[Ticket], int] = sizes.of_ticket,
) -> Page:
    query = (key, value, *filters.values(), "newest" if newest_first else "oldest")
    start_key = cursors.start_key(key, value, cursor, *query) if cursor else None
    # Read one ticket more than the page can have, to find out whether there is a next page.
    read_limit = (MAX_TICKETS_READ if any(filters.values()) else limit) + 1
    tickets = queries.query(
        key, value, newest_first=newest_first, limit=read_limit, start_key=start_key
    )
    page: list[Ticket] = []
    last: Ticket | None = None
    page_bytes = read_bytes = 0
    for tickets_read, ticket in enumerate(tickets):
        is_listed = _is_listed(ticket, filters)
        read_bytes += sizes.of_ticket(ticket)
        page_bytes += bytes_of(ticket) if is_listed else 0
        is_full = len(page) == limit or page_bytes > max_bytes
        has_read_enough = tickets_read == MAX_TICKETS_READ or read_bytes > MAX_PAGE_BYTES
        if last and (is_full or has_read_enough):
            return _sorted(page, newest_first), cursors.after(last, *query)
        last = ticket
        if is_listed:
            page.append(ticket)
    return _sorted(page, newest_first), None


def _is_listed(ticket: Ticket, filters: dict[str, str | None]) -> bool:
    matches = (
        getattr(ticket, name) == value for name, value in filters.items() if value is not None
    )
    return not ticket.is_expired and all(matches)


def _sorted(page: Iterable[Ticket], newest_first: bool) -> list[Ticket]:
    # DynamoDB does not define the order of tickets that were created in the same microsecond.
    return sorted(page, key=lambda each: (each.created_at, each.ticket_id), reverse=newest_first)
