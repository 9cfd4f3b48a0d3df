"""The table with the search index: postings, the tokens of each ticket, and parked changes.

The table has items of four kinds. Tokens consist of letters and digits, so the `#` in a partition
key shows what an item is:

| partition | position | what it is |
|---|---|---|
| `TOKEN#SHARD` | creation time and ticket id | a posting: the ticket has the token |
| `#ticket ID` | creation time and ticket id | the tokens of which the ticket can have postings |
| `#parked` | sequence number | a change that could not be processed |
| `#rebuild` | `progress` | how far `flask rebuild-search` has come |

Every function raises `StorageUnavailable` if DynamoDB fails.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from typing import Any, ClassVar, NamedTuple

from botocore.exceptions import ClientError
from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import TableConnection
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from .. import config
from .models import Ticket
from .retry import with_retries

# A frequent word would otherwise be one partition key, and DynamoDB writes at most 1,000 items a
# second with one partition key.
SHARDS = 4
# "BatchWriteItem" in the DynamoDB API Reference.
MAX_BATCH_ITEMS = 25

PARKED = "#parked"
REBUILD = "#rebuild"
PROGRESS = "progress"


class SearchItem(Model):
    """An item of the table. Only the keys are in every item."""

    class Meta:
        """The name of the table."""

        table_name = config.search_table()
        region = config.REGION
        tags: ClassVar = {"application": "itsm-app"}

    partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)
    # Of a `#ticket` item: the tokens, and the last rebuild that reached the ticket.
    tokens = UnicodeSetAttribute(null=True)
    rebuild = UnicodeAttribute(null=True)
    # Of a `#parked` item.
    ticket_id = UnicodeAttribute(null=True)
    consumer = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    failed_at = UnicodeAttribute(null=True)
    # Of the `#rebuild` item, which also has `rebuild`: the last ticket that was reached, how many
    # were reached, and whether the rebuild is complete.
    last_ticket_id = UnicodeAttribute(null=True)
    reached = NumberAttribute(null=True)
    is_complete = BooleanAttribute(null=True)

    @classmethod
    def _get_connection(cls) -> TableConnection:
        # Both tables share one client, because it takes 80 ms to create one.
        table = super()._get_connection()
        shared = Ticket.connection().connection
        if table.connection is not shared:
            shared.add_meta_table(table.connection.get_meta_table(cls.Meta.table_name))
            table.connection = shared
        return table


class Place(NamedTuple):
    """Where the postings of a ticket are: the ticket's id, and its position in the index."""

    ticket_id: str
    position: str

    @classmethod
    def of(cls, ticket_id: str, created_at: str) -> Place:
        """Return the place of a ticket that was created at a time."""
        return cls(ticket_id, created_at + " " + ticket_id)

    @property
    def shard(self) -> int:
        """The shard of the ticket's postings."""
        return zlib.crc32(self.ticket_id.encode()) % SHARDS


def ticket_id_at(position: str) -> str:
    """Return the id of the ticket at a position."""
    return position.partition(" ")[2]


def partition_of(token: str, shard: int) -> str:
    """Return the partition key of a token's postings in a shard."""
    return f"{token}#{shard}"


def positions(token: str, shard: int, before: str, limit: int) -> tuple[list[str], bool]:
    """Return the positions of a token in a shard, largest first, and whether there are more.

    Args:
        token: The token.
        shard: The shard, less than `SHARDS`.
        before: Only positions less than this text.
        limit: How many positions to return at most.
    """

    def read() -> tuple[list[str], bool]:
        results = SearchItem.query(
            partition_of(token, shard),
            SearchItem.position < before,
            scan_index_forward=False,
            limit=limit,
            page_size=limit,
        )
        page = next(results.page_iter)
        return [item["position"]["S"] for item in page["Items"]], "LastEvaluatedKey" in page

    return with_retries(read)


def add_tokens(place: Place, tokens: Collection[str], rebuild: str | None) -> set[str]:
    """Add to the tokens of which a ticket can have postings. Return all of them.

    Args:
        place: The place of the ticket's postings.
        tokens: The tokens. There can be none only if `rebuild` is given.
        rebuild: The rebuild that reached the ticket, or None to keep the stored one.
    """
    item = _tokens_item(place)
    actions: list[Action] = [SearchItem.tokens.add({*tokens})] if tokens else []
    if rebuild is not None:
        actions.append(SearchItem.rebuild.set(rebuild))
    with_retries(lambda: item.update(actions))
    return {*(item.tokens or ())}


def remove_tokens(place: Place, tokens: Collection[str]) -> None:
    """Remove tokens of which the ticket has no postings any more."""
    item = _tokens_item(place)
    with_retries(lambda: item.update([SearchItem.tokens.delete({*tokens})]))


def delete_tokens(place: Place) -> None:
    """Delete the list of tokens of a ticket that has no postings any more."""
    with_retries(_tokens_item(place).delete)


def tokens_of(ticket_id: str) -> dict[Place, SearchItem]:
    """Return the stored tokens of a ticket, by place.

    There can be two places for a moment, if a new ticket replaces an expired ticket with its id.
    """
    found = with_retries(
        lambda: [*SearchItem.query(_partition_of_ticket(ticket_id), consistent_read=True)]
    )
    return {Place(ticket_id, each.position): each for each in found}


def write_postings(place: Place, put: Collection[str], delete: Collection[str]) -> None:
    """Put and delete the postings of a ticket with these tokens."""

    def key(token: str) -> dict[str, Any]:
        partition = partition_of(token, place.shard)
        return {"partition": {"S": partition}, "position": {"S": place.position}}

    requests: list[Any] = [{"PutRequest": {"Item": key(token)}} for token in put]
    requests += [{"DeleteRequest": {"Key": key(token)}} for token in delete]
    for start in range(0, len(requests), MAX_BATCH_ITEMS):
        with_retries(_BatchWrite(requests[start : start + MAX_BATCH_ITEMS]))


class _BatchWrite:
    """Sends a batch. A call fails as throttled if DynamoDB did not process all of the batch."""

    def __init__(self, requests: list[Any]) -> None:
        self._requests = requests

    def __call__(self) -> None:
        client = SearchItem._get_connection().connection.client
        table = SearchItem.Meta.table_name
        response = client.batch_write_item(RequestItems={table: self._requests})
        self._requests = response["UnprocessedItems"].get(table, [])
        if self._requests:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchWriteItem")


def scan() -> Iterator[SearchItem]:
    """Yield all items of the table."""
    results = SearchItem.scan(consistent_read=True)
    while True:
        try:
            page = with_retries(lambda: next(results.page_iter))
        except StopIteration:
            return
        yield from map(SearchItem.from_raw_data, page["Items"])


def read_progress() -> SearchItem:
    """Return the progress of the last rebuild. It has no attributes if there was none."""
    return _read(REBUILD, PROGRESS)


def save_progress(
    rebuild: str, reached: int, last_ticket_id: str | None, is_complete: bool
) -> None:
    """Store the progress of a rebuild.

    Args:
        rebuild: The id of the rebuild.
        reached: How many tickets were reached.
        last_ticket_id: The last of these tickets.
        is_complete: Whether there are no more tickets.
    """
    item = SearchItem(REBUILD, PROGRESS)
    item.rebuild, item.reached, item.is_complete = rebuild, reached, is_complete
    item.last_ticket_id = last_ticket_id
    with_retries(item.save)


def park(sequence_number: str, consumer: str, ticket_id: str, reason: str, failed_at: str) -> None:
    """Store that a change could not be processed, and why."""
    item = SearchItem(PARKED, sequence_number)
    item.consumer, item.ticket_id = consumer, ticket_id
    item.reason, item.failed_at = reason, failed_at
    with_retries(item.save)


def parked() -> list[SearchItem]:
    """Return the parked changes, oldest first."""
    return with_retries(lambda: [*SearchItem.query(PARKED, consistent_read=True)])


def forget_parked(sequence_number: str) -> None:
    """Delete what is stored about a parked change."""
    with_retries(SearchItem(PARKED, sequence_number).delete)


def _tokens_item(place: Place) -> SearchItem:
    return SearchItem(_partition_of_ticket(place.ticket_id), place.position)


def _partition_of_ticket(ticket_id: str) -> str:
    return f"#ticket {ticket_id}"


def _read(partition: str, position: str) -> SearchItem:
    def read() -> SearchItem:
        try:
            return SearchItem.get(partition, position, consistent_read=True)
        except SearchItem.DoesNotExist:
            return SearchItem(partition, position)

    return with_retries(read)
