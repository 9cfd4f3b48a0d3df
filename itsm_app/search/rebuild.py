"""Index all tickets again, through the change stream.

A rebuild sets an attribute of each ticket. The stream handler then puts all postings of the ticket
and deletes those that it must not have. So the handler stays the only writer of the index, and a
ticket that changes meanwhile is indexed in the order of its changes.

After each batch of tickets, the rebuild waits until the handler has reached them. New tickets
therefore wait behind one batch at most.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from ..storage import items, queries, search_index
from ..storage.search_index import SearchItem
from . import indexing

# With a few hundred tickets in a second, the handler reaches a batch within two seconds.
BATCH_TICKETS = 250
THREADS = 8
POLL_SECONDS = 0.1
# How long a rebuild waits for the stream handler to reach one more ticket. Lambda repeats a failed
# batch for longer than this only while DynamoDB is unavailable.
MAX_WAIT_SECONDS = 120


class NotFollowed(Exception):
    """The stream handler has not reached the tickets of a batch in time."""


def start() -> None:
    """Begin a new rebuild, which `rebuild` then runs."""
    search_index.save_progress(str(uuid4()), reached=0, last_ticket_id=None, is_complete=False)


def is_unfinished() -> bool:
    """Return whether a rebuild was begun and is not complete."""
    progress = search_index.read_progress()
    return bool(progress.rebuild) and not progress.is_complete


def rebuild() -> Iterator[int]:
    """Run the rebuild that was begun, from where it was interrupted.

    Yields:
        How many tickets were reached, after each batch.

    Raises:
        NotFollowed: The stream handler does not run, or has more work than it can do.
        StorageUnavailable: DynamoDB failed. A later call goes on.
    """
    progress = search_index.read_progress()
    rebuild_id = str(progress.rebuild)
    last: str | None = progress.last_ticket_id
    reached = int(progress.reached or 0)
    is_complete = False
    with ThreadPoolExecutor(THREADS) as threads:
        while not is_complete:
            tickets, last = queries.ticket_page(BATCH_TICKETS, after=last)
            ids = [each.ticket_id for each in tickets]
            touched = threads.map(lambda ticket_id: items.touch(ticket_id, rebuild_id), ids)
            _await([each for each, exists in zip(ids, touched, strict=True) if exists], rebuild_id)
            reached += len(tickets)
            is_complete = last is None
            search_index.save_progress(rebuild_id, reached, last, is_complete)
            yield reached


def replay(parked: SearchItem) -> bool:
    """Index the ticket of a parked change again, and forget the change.

    Returns:
        False if the ticket cannot be indexed. Its new change is parked.

    Raises:
        NotFollowed, StorageUnavailable: As `rebuild`. The change stays parked.
    """
    ticket_id, rebuild_id = str(parked.ticket_id), str(uuid4())
    known = {each.position for each in search_index.parked()}
    is_indexed = True
    if items.touch(ticket_id, rebuild_id):
        is_indexed = _await_one(ticket_id, rebuild_id, known)
    else:
        indexing.remove(ticket_id)
    search_index.forget_parked(parked.position)
    return is_indexed


def _await(ticket_ids: Sequence[str], rebuild_id: str) -> None:
    """Wait until the stream handler has reached tickets. Some of them can be parked."""
    for ticket_id in ticket_ids:
        _await_one(ticket_id, rebuild_id, set())


def _await_one(ticket_id: str, rebuild_id: str, known: Collection[str]) -> bool:
    """Wait until the stream handler has reached a ticket.

    Return False if its change was parked under a sequence number that is not in `known`.
    """
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < deadline:
        if any(each.rebuild == rebuild_id for each in search_index.tokens_of(ticket_id).values()):
            return True
        if not items.read_item(ticket_id):
            return True
        if any(
            each.ticket_id == ticket_id and each.position not in known
            for each in search_index.parked()
        ):
            return False
        time.sleep(POLL_SECONDS)
    raise NotFollowed
