"""Compare the search index with the tickets.

The index can have many more postings than fit into memory. One scan therefore keeps only a count
and a checksum of the postings at each place. A second scan reads the postings of the tickets that
seem to differ. A ticket that still differs after the stream handler had time to reach it is a
difference.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from ..storage import items, queries, search_index
from ..storage.items import Item
from ..storage.models import Ticket
from ..storage.search_index import Place
from .indexing import Indexed, indexed

ROUNDS = 3
WAIT_SECONDS = 5


class Difference(NamedTuple):
    """A ticket whose postings are not what they must be.

    Attributes:
        ticket_id: The id of the ticket. The ticket may not exist any more.
        missing: How many postings the index must have and does not have.
        extra: How many postings the index must not have.
        unlisted: How many postings would stay if the ticket was deleted, because its list of
            tokens does not have them.
    """

    ticket_id: str
    missing: int
    extra: int
    unlisted: int


class Report(NamedTuple):
    """The result of a check.

    Attributes:
        tickets: How many tickets were compared.
        postings: How many postings the index has.
        differences: The tickets whose postings differ.
        unreadable: The ids of the tickets that have no valid description, time or comments.
    """

    tickets: int
    postings: int
    differences: list[Difference]
    unreadable: list[str]


def check(wait: Callable[[float], None] = time.sleep) -> Report:
    """Compare the index with all tickets. Raises `StorageUnavailable` if DynamoDB fails.

    Args:
        wait: Waits some seconds, so that the stream handler can reach tickets that changed.
    """
    sums, postings = _sums()
    tickets = 0
    unreadable: list[str] = []
    for item in queries.all_items():
        if item["ticket_id"]["S"] == items.CANNED_ANSWERS_KEY:
            continue
        tickets += 1
        try:
            expected = _expected(item)
        except Exception:
            unreadable.append(item["ticket_id"]["S"])
            continue
        if sums.get(expected.place) == _sum(expected):
            del sums[expected.place]
        else:
            sums[expected.place] = EMPTY
    differences: list[Difference] = []
    for attempt in range(ROUNDS):
        if not sums:
            break
        if attempt:
            wait(WAIT_SECONDS)
        found = _differences(sums.keys())
        differences = [*found.values()]
        sums = dict.fromkeys(found, EMPTY)
    return Report(tickets, postings, differences, unreadable)


# The number of postings, and the exclusive or of the hashes of their partition keys.
Sum = tuple[int, int]
EMPTY: Sum = (0, 0)


def _sums() -> tuple[dict[Place, Sum], int]:
    """Return the sum of the postings at each place, and how many postings there are."""
    sums: defaultdict[Place, Sum] = defaultdict(lambda: EMPTY)
    total = 0
    for item in search_index.scan():
        if not item.partition.startswith("#"):
            place = Place(search_index.ticket_id_at(item.position), item.position)
            number, hashes = sums[place]
            sums[place] = number + 1, hashes ^ hash(item.partition)
            total += 1
    return dict(sums), total


def _sum(expected: Indexed) -> Sum:
    hashes = 0
    for partition in _partitions(expected):
        hashes ^= hash(partition)
    return len(expected.tokens), hashes


def _differences(places: Collection[Place]) -> dict[Place, Difference]:
    """Return the places at which the postings differ now."""
    positions = {each.position for each in places}
    postings: defaultdict[str, set[str]] = defaultdict(set)
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for item in search_index.scan():
        if item.position in positions:
            if item.tokens:
                listed[item.position] = item.tokens
            else:
                postings[item.position].add(item.partition)
    differences = {}
    for place in places:
        ticket = items.read_item(place.ticket_id)
        expected = _expected(ticket) if ticket else None
        wanted = {*_partitions(expected)} if expected and expected.place == place else set()
        found = postings[place.position]
        kept = {search_index.partition_of(each, place.shard) for each in listed[place.position]}
        if found != wanted or found - kept:
            differences[place] = Difference(
                place.ticket_id, len(wanted - found), len(found - wanted), len(found - kept)
            )
    return differences


def _expected(item: Item) -> Indexed:
    return indexed(Ticket.from_raw_data(item))


def _partitions(expected: Indexed) -> Iterator[str]:
    place = expected.place
    return (search_index.partition_of(token, place.shard) for token in expected.tokens)
