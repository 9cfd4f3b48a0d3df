"""Query and Scan, one page of at most 1 MB after another.

Each page is requested when the iteration reaches the first item of the page. Every iterator raises
`StorageUnavailable` if DynamoDB fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pynamodb.pagination import PageIterator

from . import expiry
from .items import Item
from .models import CallerIdIndex, StatusIndex, Ticket
from .retry import with_retries

# The smallest page size, in tickets, that is requested for the pages after the first page.
MIN_NEXT_PAGE = 100

INDEXES: dict[str, CallerIdIndex | StatusIndex] = {
    "caller_id": Ticket.caller_id_index,
    "status": Ticket.status_index,
}


def query(
    key: str,
    value: str,
    *,
    newest_first: bool,
    limit: int | None = None,
    start_key: Item | None = None,
) -> Iterator[Ticket]:
    """Yield the tickets with this value of an index key, sorted by creation time.

    Expired tickets are yielded too.

    Args:
        key: `caller_id` or `status`.
        value: The value of the key.
        newest_first: Whether to begin with the newest ticket.
        limit: The size of the first request's page, in tickets. The limit does not end the
            iteration: later pages follow, with a size of at least 100.
        start_key: The DynamoDB key of the ticket after which to begin. None for the beginning.
    """
    results = INDEXES[key].query(
        value, scan_index_forward=not newest_first, page_size=limit, last_evaluated_key=start_key
    )
    for page in _pages(results.page_iter):
        yield from map(Ticket.from_raw_data, page)


def status_times(status: str, since: str) -> Iterator[list[Item]]:
    """Yield pages of the unexpired tickets of a status that were created since a time.

    The newest ticket comes first. The items have only `created_at`, `answered_at` and
    `resolved_at`. They are not converted to `Ticket` objects, because the conversion would take 40
    microseconds per ticket, and there can be 120,000 tickets.
    """
    results = Ticket.status_index.query(
        status,
        Ticket.created_at >= since,
        filter_condition=Ticket.expires_at.does_not_exist() | (Ticket.expires_at > expiry.clock()),
        attributes_to_get=["created_at", "answered_at", "resolved_at"],
        scan_index_forward=False,
    )
    return _pages(results.page_iter)


def stored_items(caller_id: str | None, since: str | None) -> Iterator[Item]:
    """Yield the unexpired tickets as DynamoDB stores them.

    The items also have the attributes that the model does not know.

    Args:
        caller_id: Only this caller's tickets, from `CallerIdIndex`. DynamoDB updates the index a
            moment after the table. None for all tickets, in the order of the table.
        since: Only tickets that were changed or erased since this time. None for any time.
    """
    wanted = Ticket.expires_at.does_not_exist() | (Ticket.expires_at > expiry.clock())
    if since is not None:
        wanted = wanted & ((Ticket.updated_at >= since) | (Ticket.erased_at >= since))
    if caller_id is None:
        results = Ticket.scan(wanted, consistent_read=True)
    else:
        results = Ticket.caller_id_index.query(caller_id, filter_condition=wanted)
    for page in _pages(results.page_iter):
        yield from page


def _pages(pages: PageIterator[Any]) -> Iterator[list[Item]]:
    while True:
        try:
            page = with_retries(lambda: next(pages))
        except StopIteration:
            return
        yield page["Items"]
        if pages.page_size:
            pages.page_size = max(pages.page_size, MIN_NEXT_PAGE)
