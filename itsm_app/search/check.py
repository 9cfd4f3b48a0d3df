"""Compare the search index with the tickets.

The index can have many more postings than fit into memory. One scan therefore keeps only a count
and checksums of the postings and of the listed tokens at each place. A second scan reads those of
the tickets that seem to differ. A ticket that still differs after the stream handler had time to
reach it is a difference.
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
    """A ticket whose postings or listed tokens are not what they must be.

    Attributes:
        ticket_id: The id of the ticket. The ticket may not exist any more.
        missing: How many postings the index must have and does not have.
        extra: How many postings and listed tokens the index must not have.
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
    places: set[Place] = set()
    unreadable: list[str] = []
    for item in queries.all_items():
        if item["ticket_id"]["S"] in items.NON_TICKET_KEYS:
            continue
        tickets += 1
        try:
            expected = _expected(item)
        except Exception:
            unreadable.append(item["ticket_id"]["S"])
            continue
        if sums.pop(expected.place, EMPTY) != _sum(expected):
            places.add(expected.place)
    places.update(each for each in sums if each.ticket_id not in unreadable)
    differences: list[Difference] = []
    for attempt in range(ROUNDS):
        if not places:
            break
        if attempt:
            wait(WAIT_SECONDS)
        found = _differences(places)
        differences, places = [*found.values()], {*found}
    return Report(tickets, postings, differences, unreadable)


# The number of postings, the exclusive or of the hashes of their partition keys, and the same for
# the partition keys of the listed tokens.
Sum = tuple[int, int, int]
EMPTY: Sum = (0, 0, 0)


def _sums() -> tuple[dict[Place, Sum], int]:
    """Return the sums of the places with postings or listed tokens, and how many postings exist."""
    sums: defaultdict[Place, Sum] = defaultdict(lambda: EMPTY)
    total = 0
    for item in search_index.scan():
        place = Place(search_index.ticket_id_at(item.position), item.position)
        if item.tokens:
            number, hashes, _ = sums[place]
            sums[place] = number, hashes, _hash(place, item.tokens)
        elif not item.partition.startswith("#"):
            number, hashes, listed = sums[place]
            sums[place] = number + 1, hashes ^ hash(item.partition), listed
            total += 1
    return dict(sums), total


def _sum(expected: Indexed) -> Sum:
    hashes = _hash(expected.place, expected.tokens)
    return len(expected.tokens), hashes, hashes


def _hash(place: Place, tokens: Collection[str]) -> int:
    hashes = 0
    for partition in _partitions(place, tokens):
        hashes ^= hash(partition)
    return hashes


def _differences(places: Collection[Place]) -> dict[Place, Difference]:
    """Return the places at which the postings or the listed tokens differ now."""
    positions = {each.position for each in places}
    postings: defaultdict[str, set[str]] = defaultdict(set)
    listed: dict[str, set[str]] = {}
    for item in search_index.scan():
        if item.position in positions:
            if item.partition.startswith("#"):
                listed[item.position] = item.tokens or set()
            else:
                postings[item.position].add(item.partition)
    differences = {}
    for place in places:
        ticket = items.read_item(place.ticket_id)
        expected = _expected(ticket) if ticket else None
        is_at_place = expected and expected.place == place
        wanted = {*_partitions(place, expected.tokens)} if expected and is_at_place else set()
        found = postings[place.position]
        kept = {*_partitions(place, listed.get(place.position, ()))}
        difference = Difference(
            place.ticket_id, len(wanted - found), len((found | kept) - wanted), len(found - kept)
        )
        if any(difference[1:]):
            differences[place] = difference
    return differences


def _expected(item: Item) -> Indexed:
    return indexed(Ticket.from_raw_data(item))


def _partitions(place: Place, tokens: Collection[str]) -> Iterator[str]:
    shard = place.shard
    return (search_index.partition_of(token, shard) for token in tokens)
