"""What is done with each change. A consumer is a function with one argument, a `Change`.

A consumer gets each change at least once, and the changes of one ticket in order. If it raises
`StorageUnavailable`, the change is repeated until it succeeds. After any other exception, it is
repeated a few times and then parked: see `processing`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..search import indexing
from ..search.indexing import Indexed
from ..storage.items import Item
from ..storage.models import Ticket
from .records import Change


def update_search_index(change: Change) -> None:
    """Make the search index equal to the ticket."""
    new = _indexed(change.new)
    try:
        old = _indexed(change.old)
    except Exception:
        if new is None:
            raise
        # The ticket was unreadable and is repaired. As a new ticket, it gets all its postings, and
        # loses those that the index has listed for it.
        old = None
    indexing.apply(old, new)


def _indexed(item: Item | None) -> Indexed | None:
    if item is None:
        return None
    return indexing.indexed(Ticket.from_raw_data(item), item.get(indexing.REBUILD, {}).get("S"))


CONSUMERS: dict[str, Callable[[Change], None]] = {"search": update_search_index}
