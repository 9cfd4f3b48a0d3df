"""List tickets page by page: a caller's tickets, and the lists of the desk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

from ..storage import queries, sizes
from ..storage.models import Ticket
from . import cursors, lifecycle, places
from .limits import (
    DEFAULT_PAGE_TICKETS,
    MAX_COUNT,
    MAX_PAGE_BYTES,
    MAX_TICKETS_READ,
    MAX_TICKETS_READ_WITHOUT_MATCH,
)

# The tickets of a page, and the cursor of the next page. The cursor of the last page is None.
Page = tuple[list[Ticket], str | None]

BY_CALLER = "CallerIdIndex"
BY_STATUS = "StatusIndex"
BY_STATUS_QUEUE = "StatusQueueIndex"
BY_QUEUE = "QueueIndex"
# The views of the desk. The first five have the tickets in the order in which the desk works on
# them, see `places`. The last two have the newest ticket first.
VIEWS = ("waiting", "mine", "unassigned", *lifecycle.TRANSITIONS)


class Segment(NamedTuple):
    """A part of a list: the tickets of one Query that match.

    Attributes:
        index_name: The name of the index.
        value: The value of the index's partition key.
        prefix: The beginning of the sort keys.
        newest_first: Whether the largest sort key comes first.
        filters: The name and the value of each filter. They identify the query in cursors.
        matches: Whether the list has a ticket.
    """

    index_name: str
    value: str
    prefix: str = ""
    newest_first: bool = False
    filters: tuple[str | None, ...] = ()
    matches: Callable[[Ticket], bool] = lambda _: True

    @property
    def query(self) -> tuple[str | None, ...]:
        """What a cursor of this segment belongs to."""
        # `caller_id` and `status` are the names that the cursors of earlier releases have.
        name = {BY_CALLER: "caller_id", BY_STATUS: "status"}.get(self.index_name, self.index_name)
        prefix = [self.prefix] if self.prefix else []
        order = "newest" if self.newest_first else "oldest"
        return (name, self.value, *prefix, *self.filters, order)


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
    segment = Segment(
        BY_CALLER,
        caller_id,
        newest_first=True,
        filters=(status,),
        matches=lambda ticket: status in (None, ticket.status),
    )
    return _page([segment], limit, cursor, MAX_TICKETS_READ, max_bytes, bytes_of)


def list_queue(
    status: str,
    priority: str | None = None,
    assignee: str | None = None,
    newest_first: bool = False,
    limit: int = DEFAULT_PAGE_TICKETS,
    cursor: str | None = None,
) -> Page:
    """Return a page of the tickets of a status, without comments, oldest first by default.

    `assignee` is a name, or `none` for the tickets without an assignee. A page with filters ends
    after 100 tickets were read, but not before it has a ticket or 10,000 tickets were read. The
    other limits of a page and the errors are the same as in `list_recent_tickets`.
    """

    def matches(ticket: Ticket) -> bool:
        has_priority = priority in (None, ticket.priority)
        return has_priority and assignee in (None, ticket.assignee or "none")

    segment = Segment(BY_STATUS, status, "", newest_first, (priority, assignee), matches)
    return _page([segment], limit, cursor, MAX_TICKETS_READ_WITHOUT_MATCH)


def list_view(
    view: str,
    name: str,
    priority: str | None = None,
    limit: int = DEFAULT_PAGE_TICKETS,
    cursor: str | None = None,
) -> Page:
    """Return a page of a view of the desk, without comments.

    Args:
        view: A name in `VIEWS`.
        name: Whose tickets the view `mine` has.
        priority: Return only tickets of this priority, or all with None.
        limit: How many tickets a page has at most.
        cursor: The cursor of this page, or None for the first page.

    Raises:
        InvalidField: The cursor was altered or belongs to another list.
    """
    segments = _segments(view, name, priority)
    return _page(segments, limit, cursor, MAX_TICKETS_READ_WITHOUT_MATCH)


def count_views(name: str) -> dict[str, int]:
    """Return how many tickets each view of the desk has. A number of 101 means more than 100.

    Args:
        name: Whose tickets the view `mine` has.
    """
    waiting = queries.query(BY_QUEUE, places.WAITING, newest_first=False, limit=MAX_COUNT + 1)
    assignees: list[str | None] = [each.assignee for each in islice(waiting, MAX_COUNT + 1)]
    statuses = {
        status: queries.count(BY_STATUS, status, MAX_COUNT + 1) for status in lifecycle.TRANSITIONS
    }
    queues = {"mine": (places.queue_of(name), name), "unassigned": (places.UNASSIGNED, None)}
    counts = {
        view: queries.count(BY_QUEUE, queue, MAX_COUNT + 1) + assignees.count(assignee)
        for view, (queue, assignee) in queues.items()
    }
    all_counts = {"waiting": len(assignees), **counts, **statuses}
    return {view: min(count, MAX_COUNT + 1) for view, count in all_counts.items()}


def oldest_handover() -> str | None:
    """Return since when the hand-over waits that waits longest, or None if none waits."""
    page, _ = list_view("waiting", "", limit=1)
    return page[0].handover_since if page else None


def _segments(view: str, name: str, priority: str | None) -> list[Segment]:
    def has_priority(ticket: Ticket) -> bool:
        return priority in (None, ticket.priority)

    if view in lifecycle.DONE:
        return [Segment(BY_STATUS, view, "", True, (priority, None), has_priority)]
    if view in lifecycle.ACTIVE:
        if priority is None:
            return [Segment(BY_STATUS_QUEUE, view)]
        # The rank of a waiting hand-over hides its priority.
        ranks = (places.HANDOVER_RANK, places.PRIORITY_RANKS[priority])
        return [
            Segment(BY_STATUS_QUEUE, view, f"{rank} ", False, (priority,), has_priority)
            for rank in ranks
        ]
    queue = {"mine": places.queue_of(name), "unassigned": places.UNASSIGNED}.get(view)
    if queue is None:
        return [Segment(BY_QUEUE, places.WAITING, "", False, (priority,), has_priority)]
    assignee = name if view == "mine" else None

    def waits(ticket: Ticket) -> bool:
        return ticket.assignee == assignee and has_priority(ticket)

    return [
        Segment(BY_QUEUE, places.WAITING, "", False, (view, assignee, priority), waits),
        Segment(BY_QUEUE, queue, "", False, (priority,), has_priority),
    ]


def _page(
    segments: Sequence[Segment],
    limit: int,
    cursor: str | None,
    max_read_without_match: int,
    max_bytes: int = MAX_PAGE_BYTES,
    bytes_of: Callable[[Ticket], int] = sizes.of_ticket,
) -> Page:
    page: list[tuple[Segment, Ticket]] = []
    last: tuple[Segment, Ticket] | None = None
    page_bytes = read_bytes = 0
    for tickets_read, (segment, ticket) in enumerate(_read(segments, limit, cursor)):
        is_listed = not ticket.is_expired and segment.matches(ticket)
        read_bytes += sizes.of_ticket(ticket)
        page_bytes += bytes_of(ticket) if is_listed else 0
        max_read = MAX_TICKETS_READ if page else max_read_without_match
        has_read_enough = tickets_read >= max_read or read_bytes > MAX_PAGE_BYTES
        if last and (len(page) == limit or page_bytes > max_bytes or has_read_enough):
            return _tickets(page), _cursor(*last)
        last = segment, ticket
        if is_listed:
            page.append(last)
    return _tickets(page), None


def _read(
    segments: Sequence[Segment], limit: int, cursor: str | None
) -> Iterator[tuple[Segment, Ticket]]:
    start_key = None
    if cursor:
        segments, start_key = _continue(segments, cursor)
    for segment in segments:
        tickets = queries.query(
            segment.index_name,
            segment.value,
            prefix=segment.prefix,
            newest_first=segment.newest_first,
            # One ticket more than the page can have shows whether there is a next page.
            limit=(MAX_TICKETS_READ if any(segment.filters) else limit) + 1,
            start_key=start_key,
        )
        start_key = None
        for ticket in tickets:
            yield segment, ticket


def _continue(
    segments: Sequence[Segment], cursor: str
) -> tuple[Sequence[Segment], dict[str, dict[str, str]]]:
    """Return the segments from the one that a cursor belongs to, and the key to start after."""
    for number, segment in enumerate(segments):
        keys = queries.KEYS[segment.index_name]
        if start_key := cursors.start_key(keys, segment.value, cursor, *segment.query):
            return segments[number:], start_key
    raise cursors.invalid(cursor)


def _cursor(segment: Segment, last: Ticket) -> str:
    return cursors.after(last, queries.KEYS[segment.index_name][1], *segment.query)


def _tickets(page: Iterable[tuple[Segment, Ticket]]) -> list[Ticket]:
    return [
        ticket
        for segment, pairs in groupby(page, key=itemgetter(0))
        for ticket in _sorted((ticket for _, ticket in pairs), segment)
    ]


def _sorted(tickets: Iterable[Ticket], segment: Segment) -> list[Ticket]:
    # DynamoDB does not define the order of tickets with the same sort key.
    sort_key = queries.KEYS[segment.index_name][1]
    return sorted(
        tickets,
        key=lambda each: (getattr(each, sort_key), each.ticket_id),
        reverse=segment.newest_first,
    )
