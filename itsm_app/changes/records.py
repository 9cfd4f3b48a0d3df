"""The records of the ticket table's stream, as Lambda passes them to the stream handler.

The format is described in "Using AWS Lambda with Amazon DynamoDB" in the AWS Lambda guide.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..storage.items import NON_TICKET_KEYS, Item

# A record of the stream, with the members `eventName` and `dynamodb`.
Record = dict[str, Any]


class Change(NamedTuple):
    """A change of one ticket.

    Attributes:
        ticket_id: The id of the ticket.
        sequence_number: The number of the change. A later change of the ticket has a larger one.
        old: The ticket before, as DynamoDB stores it. None if the ticket is new.
        new: The ticket after. None if the ticket was deleted, also if DynamoDB deleted it because
            it had expired.
    """

    ticket_id: str
    sequence_number: str
    old: Item | None
    new: Item | None


def read(record: Record) -> Change | None:
    """Return the change that a record describes, or None if the item is no ticket."""
    content = record["dynamodb"]
    ticket_id = content["Keys"]["ticket_id"]["S"]
    if ticket_id in NON_TICKET_KEYS:
        return None
    return Change(
        ticket_id, content["SequenceNumber"], content.get("OldImage"), content.get("NewImage")
    )
