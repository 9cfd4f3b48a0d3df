"""Query and Scan, one page of at most 1 MB after another.

Pages are requested while the caller iterates. Every function raises `StorageUnavailable` if
DynamoDB fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pynamodb.pagination import PageIterator

from . import expiry
from .items import Item
from .models import CallerIdIndex, StatusIndex, Ticket
from .retry import with_retries

# The smallest page after the first one.
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
    """Yield the tickets with one value of an index key, by creation time, expired ones included.

    Args:
        key: `caller_id` or `status`.
        value: The value of the key.
        newest_first: The order.
        limit: How many tickets the first page has. Later pages have at least 100.
        start_key: The keys of the ticket after which to begin.
    """
    results = INDEXES[key].query(
        value, scan_index_forward=not newest_first, page_size=limit, last_evaluated_key=start_key
    )
    for page in _pages(results.page_iter):
        yield from map(Ticket.from_raw_data, page)


def status_times(status: str, since: str) -> Iterator[list[Item]]:
    """Yield pages of the unexpired tickets of a status that were created since a time.

    Newest first. The items have only `created_at`, `answered_at` and `resolved_at`. They are not
    turned into models, which takes 40 microseconds each: there can be 120,000.
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
    """Yield the unexpired tickets as DynamoDB stores them, with attributes unknown to the model.

    Args:
        caller_id: Only this caller's tickets, from `CallerIdIndex`, which lags behind the table by
            a moment. None for all tickets, in the order of the table.
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
