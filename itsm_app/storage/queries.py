"""Query and Scan, one page of at most 1 MB after another.

Each page is requested when the iteration reaches the first item of the page. Every iterator raises
`StorageUnavailable` if DynamoDB fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.pagination import PageIterator

from . import expiry
from .items import Item
from .models import CallerIdIndex, QueueIndex, StatusIndex, StatusQueueIndex, Ticket
from .retry import with_retries

# The smallest page size, in tickets, that is requested for the pages after the first page.
MIN_NEXT_PAGE = 100

INDEXES: dict[str, CallerIdIndex | StatusIndex | StatusQueueIndex | QueueIndex] = {
    "CallerIdIndex": Ticket.caller_id_index,
    "StatusIndex": Ticket.status_index,
    "StatusQueueIndex": Ticket.status_queue_index,
    "QueueIndex": Ticket.queue_index,
}
# The names of the partition key and the sort key of each index.
KEYS = {
    "CallerIdIndex": ("caller_id", "created_at"),
    "StatusIndex": ("status", "created_at"),
    "StatusQueueIndex": ("status", "queue_position"),
    "QueueIndex": ("queue", "queue_position"),
}


def query(
    index_name: str,
    value: str,
    *,
    prefix: str = "",
    newest_first: bool,
    limit: int | None = None,
    start_key: Item | None = None,
) -> Iterator[Ticket]:
    """Yield the tickets with this partition key of an index, in the order of the sort key.

    Expired tickets are yielded too.

    Args:
        index_name: The name of the index.
        value: The value of the partition key.
        prefix: The beginning of the sort keys. An empty text means all sort keys.
        newest_first: Whether to begin with the largest sort key.
        limit: The size of the first request's page, in tickets. The limit does not end the
            iteration: later pages follow, with a size of at least 100.
        start_key: The DynamoDB key of the ticket after which to begin. None for the beginning.
    """
    results = INDEXES[index_name].query(
        value,
        _begins_with(index_name, prefix),
        scan_index_forward=not newest_first,
        page_size=limit,
        last_evaluated_key=start_key,
    )
    for page in _pages(results.page_iter):
        yield from map(Ticket.from_raw_data, page)


def newest_of_caller(caller_id: str, limit: int) -> list[Ticket]:
    """Return a caller's newest tickets, with what a comparison of tickets needs, in one Query.

    Expired tickets are returned too. Tickets beyond the first 1 MB are left out.

    Raises:
        StorageUnavailable: DynamoDB failed.
    """
    results = Ticket.caller_id_index.query(
        caller_id,
        attributes_to_get=[
            "ticket_id",
            "ticket_number",
            "issue_description",
            "status",
            "created_at",
            "expires_at",
        ],
        scan_index_forward=False,
        page_size=limit,
    )
    return [Ticket.from_raw_data(each) for each in next(_pages(results.page_iter), [])]


def count(index_name: str, value: str, limit: int) -> int:
    """Return the number of tickets with this partition key of an index, at most `limit`."""
    return with_retries(lambda: INDEXES[index_name].count(value, limit=limit))


def statistics_items(status: str, since: str | None) -> Iterator[list[Item]]:
    """Yield pages of the unexpired tickets of a status, the newest ticket first.

    The items have only the attributes that the statistics need. They are not converted to `Ticket`
    objects, because the conversion would take 7 microseconds per ticket, and there can be 120,000
    tickets.

    Args:
        status: The status.
        since: Only tickets that were created since this time. None for any time.
    """
    results = Ticket.status_index.query(
        status,
        None if since is None else Ticket.created_at >= since,
        filter_condition=_is_unexpired(),
        attributes_to_get=["created_at", "answered_at", "resolved_at", "priority", "assignee"],
        scan_index_forward=False,
    )
    return _pages(results.page_iter)


def caller_ids(status: str) -> Iterator[list[str]]:
    """Yield pages of the caller ids of the tickets of a status, newest first, with expired tickets.

    `StatusIndex` has no comments, so a page has more tickets than a page of the table.
    """
    results = Ticket.status_index.query(
        status, attributes_to_get=["caller_id"], scan_index_forward=False
    )
    for page in _pages(results.page_iter):
        yield [item["caller_id"]["S"] for item in page]


def stored_items(caller_id: str | None, since: str | None) -> Iterator[Item]:
    """Yield the unexpired tickets as DynamoDB stores them.

    The items also have the attributes that the model does not know.

    Args:
        caller_id: Only this caller's tickets, from `CallerIdIndex`. DynamoDB updates the index a
            moment after the table. None for all tickets, in the order of the table.
        since: Only tickets that were changed or erased since this time. None for any time.
    """
    wanted = _is_unexpired()
    if since is not None:
        wanted = wanted & ((Ticket.updated_at >= since) | (Ticket.erased_at >= since))
    if caller_id is None:
        results = Ticket.scan(wanted, consistent_read=True)
    else:
        results = Ticket.caller_id_index.query(caller_id, filter_condition=wanted)
    for page in _pages(results.page_iter):
        yield from page


def all_items() -> Iterator[Item]:
    """Yield all items of the table as DynamoDB stores them, with expired tickets."""
    for page in _pages(Ticket.scan(consistent_read=True).page_iter):
        yield from page


def ticket_page(limit: int, after: str | None) -> tuple[list[Ticket], str | None]:
    """Return tickets in the order of the table, with their ids and creation times only.

    Expired tickets are returned too.

    Args:
        limit: How many items are read. The page can have fewer tickets.
        after: The id after which to begin, or None for the beginning.

    Returns:
        The tickets, and the id after which the next page begins. None after the last page.
    """
    results = Ticket.scan(
        limit=limit,
        page_size=limit,
        attributes_to_get=["ticket_id", "created_at"],
        last_evaluated_key={"ticket_id": {"S": after}} if after else None,
        consistent_read=True,
    )
    page = with_retries(lambda: next(results.page_iter))
    last = page.get("LastEvaluatedKey", {}).get("ticket_id", {}).get("S")
    # Items that are no tickets have no creation time.
    tickets = [Ticket.from_raw_data(each) for each in page["Items"] if "created_at" in each]
    return tickets, last


def _begins_with(index_name: str, prefix: str) -> Condition | None:
    if not prefix:
        return None
    condition: Condition = getattr(Ticket, KEYS[index_name][1]).startswith(prefix)
    return condition


def _is_unexpired() -> Condition:
    is_unexpired: Condition = Ticket.expires_at.does_not_exist() | (
        Ticket.expires_at > expiry.clock()
    )
    return is_unexpired


def _pages(pages: PageIterator[Any]) -> Iterator[list[Item]]:
    while True:
        try:
            page = with_retries(lambda: next(pages))
        except StopIteration:
            return
        yield page["Items"]
        if pages.page_size:
            pages.page_size = max(pages.page_size, MIN_NEXT_PAGE)
