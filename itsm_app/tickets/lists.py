"""List tickets page by page: a caller's tickets, and the queue of a status."""

from __future__ import annotations

from collections.abc import Iterable

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
    max_bytes: int | None = None,
) -> Page:
    """Return a page of a caller's tickets, newest first.

    The page has fewer than `limit` tickets if the next ticket would exceed `max_bytes`, or if 100
    tickets were read. All tickets that were read count for both limits, also tickets that the page
    leaves out because of `status`.

    Args:
        caller_id: The caller.
        status: Return only tickets of this status.
        limit: How many tickets a page has at most.
        cursor: The cursor of this page, or None for the first page.
        max_bytes: The maximum size of a page, as `storage.sizes` counts. None means 2.9 MB.

    Raises:
        InvalidField: The cursor was altered or belongs to another list.
    """
    filters = {"status": status}
    max_bytes = max_bytes or MAX_PAGE_BYTES
    return _page("caller_id", caller_id, filters, limit, cursor, True, max_bytes)


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
    return _page("status", status, filters, limit, cursor, newest_first, MAX_PAGE_BYTES)


def _page(
    key: str,
    value: str,
    filters: dict[str, str | None],
    limit: int,
    cursor: str | None,
    newest_first: bool,
    max_bytes: int,
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
    page_bytes = 0
    for tickets_read, ticket in enumerate(tickets):
        page_bytes += sizes.of_ticket(ticket)
        is_full = len(page) == limit or tickets_read == MAX_TICKETS_READ or page_bytes > max_bytes
        if last and is_full:
            return _sorted(page, newest_first), cursors.after(last, *query)
        last = ticket
        if _is_listed(ticket, filters):
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
