"""Stored tickets of two callers. Anna must not read or change the tickets of Bob."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid5

from itsm_app.storage import items
from itsm_app.storage.models import Ticket
from itsm_app.tickets import comment, numbers


def quoted(text: str) -> str:
    return quote(text, safe="")


ANNA, BOB = "+15550166", "+15550177"
# Anna creates tickets under another id, so that new tickets do not change her list.
ANNA_FILING = "+15550155"
BOBS_KEY, BOBS_COMMENT_KEY = "call-b-1", "call-b-2"
BOBS_TEXT, BOBS_COMMENT = "Bob's door is open", "Bob is not at home"
BOBS_TIME, BOBS_COMMENT_TIME = "2001-02-03T04:05:06.000789Z", "2001-02-03T04:15:06.000987Z"
NUMBER = next(numbers.candidates(BOB, BOBS_KEY))
WRITTEN = numbers.written(NUMBER)
SPOKEN = numbers.spoken(WRITTEN)
ID = numbers.ticket_id(NUMBER)
COMMENT_ID = str(uuid5(comment.NAMESPACE, f"{ID}\0{BOBS_COMMENT_KEY}"))
# A ticket stored before the app counted comments.
OLD_ID, OLD_TIME = "0b0b0b0b-0000-4000-8000-000000000001", "2000-01-01T00:00:00.000123Z"
# A ticket of Bob with the idempotency key that Anna also uses. Its number equals the number that
# Anna's key produces. The chance of such a collision is one in 100,000,000,000.
TWIN_KEY, TWIN_TIME = "call-1", "2000-01-01T00:00:00.000456Z"
TWIN = numbers.written(next(numbers.candidates(ANNA_FILING, TWIN_KEY)))
TWIN_ID = numbers.ticket_id(TWIN.replace("-", ""))

BOBS_TICKET = Ticket(
    ticket_id=ID,
    ticket_number=WRITTEN,
    caller_id=BOB,
    issue_description=BOBS_TEXT,
    idempotency_key=BOBS_KEY,
    created_at=BOBS_TIME,
    updated_at=BOBS_COMMENT_TIME,
    comments=[
        {"comment_text": BOBS_COMMENT, "added_at": BOBS_COMMENT_TIME, "comment_id": COMMENT_ID}
    ],
    comment_ids={COMMENT_ID},
)
BOBS_TWIN = Ticket(
    ticket_id=TWIN_ID,
    ticket_number=TWIN,
    caller_id=BOB,
    issue_description=BOBS_TEXT,
    idempotency_key=TWIN_KEY,
    created_at=TWIN_TIME,
    updated_at=TWIN_TIME,
)
BOBS_OLD_TICKET = Ticket(
    ticket_id=OLD_ID,
    caller_id=BOB,
    issue_description=BOBS_TEXT,
    created_at=OLD_TIME,
    updated_at=OLD_TIME,
)
BOBS_TICKETS = [BOBS_TICKET, BOBS_TWIN, BOBS_OLD_TICKET]
# Older than Bob's tickets, so that every cursor of Bob's list points to a place before this ticket.
ANNAS_TICKET = Ticket(
    ticket_id="a0a0a0a0-0000-4000-8000-000000000001",
    caller_id=ANNA,
    issue_description="Anna's door is shut",
    created_at="1999-01-01T00:00:00.000001Z",
    updated_at="1999-01-01T00:00:00.000001Z",
)
BOBS_SECRETS = [
    *(BOB, quoted(BOB), BOBS_TEXT, BOBS_COMMENT),
    *(BOBS_TIME, BOBS_COMMENT_TIME, TWIN_TIME, OLD_TIME),
    *(ID, OLD_ID, TWIN_ID, COMMENT_ID, NUMBER, WRITTEN, SPOKEN, TWIN, TWIN.replace("-", "")),
]
"""Texts that no response to Anna may contain."""

ETAG = f'"1.{BOBS_COMMENT_TIME}"'


def store() -> None:
    """Store Bob's three tickets and Anna's ticket."""
    for ticket in (BOBS_TICKET, BOBS_TWIN, ANNAS_TICKET):
        items.put_new(ticket)
    BOBS_OLD_TICKET.save()


def stored(caller: str) -> list[dict[str, Any]]:
    """Return the stored DynamoDB items of a caller's tickets, newest first."""
    items: list[dict[str, Any]] = Ticket.connection().connection.client.query(
        TableName=Ticket.Meta.table_name,
        IndexName="CallerIdIndex",
        KeyConditionExpression="caller_id = :caller_id",
        ExpressionAttributeValues={":caller_id": {"S": caller}},
        ScanIndexForward=False,
    )["Items"]
    return items
