"""Lists of tickets, page by page: a caller's, and the queue of a status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..storage import queries
from ..storage.models import CallerIdIndex, StatusIndex, Ticket
from . import cursors, limits, retention

# How many tickets are looked at for one page of those that are wanted.
MOST_LOOKED_AT = 100
# A Lambda answers with 6 MB at most: "Lambda quotas" in the AWS Lambda guide. Our JSON is a text in
# its own, in which each quote and each backslash is escaped once more.
MAX_PAGE_BYTES = 2_900_000

Page = tuple[list[Ticket], str | None]


def list_recent_tickets(
    caller_id: str,
    status: str | None = None,
    limit: int = 10,
    cursor: str | None = None,
    max_bytes: int | None = None,
) -> Page:
    """Return the caller's next tickets, at most `limit`, newest first, and where to go on.

    A page ends early before it passes `max_bytes`, 2.9 MB unless given, and when it has looked at
    100 tickets. Raises `InvalidField` for a cursor of another list.
    """
    key = ("caller_id", caller_id)
    wanted = {"status": status}
    max_bytes = max_bytes or MAX_PAGE_BYTES
    return _page(CallerIdIndex.Meta.index_name, key, wanted, limit, cursor, True, max_bytes)


def list_queue(
    status: str,
    priority: str | None = None,
    assignee: str | None = None,
    newest: bool = False,
    limit: int = 10,
    cursor: str | None = None,
) -> Page:
    """Return the next tickets of a status, without their comments, as `list_recent_tickets` does.

    They come oldest first unless `newest` is true. Raises `InvalidField` for a cursor of another
    list.
    """
    key = ("status", status)
    wanted = {"priority": priority, "assignee": assignee}
    max_bytes = MAX_PAGE_BYTES
    return _page(StatusIndex.Meta.index_name, key, wanted, limit, cursor, newest, max_bytes)


def _page(
    index: str,
    key: tuple[str, str],
    wanted: dict[str, str | None],
    limit: int,
    cursor: str | None,
    newest: bool,
    max_bytes: int,
) -> Page:
    query = (*key, *wanted.values(), "newest" if newest else "oldest")
    start_key = cursors.start_key(*key, cursor, *query) if cursor else None
    # One more shows whether there is more.
    at_first = (MOST_LOOKED_AT if any(wanted.values()) else limit) + 1
    page: list[Ticket] = []
    last: Ticket | None = None
    length = 0
    tickets = queries.query(index, *key, start_key, at_first, newest)
    for seen, ticket in enumerate(tickets):
        length += limits.of_ticket(ticket)
        if last and (len(page) == limit or seen == MOST_LOOKED_AT or length > max_bytes):
            return _sorted(page, newest), cursors.after(last, *query)
        last = ticket
        if _is_wanted(ticket, wanted):
            page.append(ticket)
    return _sorted(page, newest), None


def _is_wanted(ticket: Ticket, wanted: dict[str, str | None]) -> bool:
    agrees = (getattr(ticket, name) == value for name, value in wanted.items() if value is not None)
    return not retention.is_over(ticket) and all(agrees)


def _sorted(page: Iterable[Ticket], newest: bool) -> list[Ticket]:
    def place(ticket: Ticket) -> Any:
        # Of one microsecond, the highest id first.
        return ticket.created_at, ticket.ticket_id

    return sorted(page, key=place, reverse=newest)
