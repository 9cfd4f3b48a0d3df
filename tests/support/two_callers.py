"""Stored tickets of two callers.

Anna must not read or change the tickets of Bob, nor the desk's internal data of her own tickets.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid5

from itsm_app.storage import canned_answers, items
from itsm_app.storage.models import Ticket
from itsm_app.tickets import comment, numbers, places, update


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
BOBS_NOTE, BOBS_NOTE_KEY = "Bob sounds drunk", "note-b-1"
ANNAS_NOTE, ANNAS_NOTE_KEY = "Anna calls every day", "note-a-1"
ANNAS_TIME = "1999-01-01T00:00:00.000001Z"
ANNAS_HANDOVER_TIME = "1999-01-02T00:00:00.000002Z"
NOTE_TIME = "1999-01-03T00:00:00.000333Z"
HANDOVER = {
    "handover_id": "0d0d0d0d-0000-4000-8000-000000000001",
    "requested_by": "voice-7",
    "reason": "Wants a person",
    "summary": "Restarted the door twice",
    "contact_id": "contact-0001",
}


def note(ticket_id: str, text: str, key: str) -> Any:
    comment_id = comment.repeatable_id(update.NAMESPACE, ticket_id, key)
    return {
        "comment_text": text,
        "added_at": NOTE_TIME,
        "comment_id": comment_id,
        "author": "dora.d",
        "asked": update.fingerprint({}, text, True),
    }


def handover(at: str) -> Any:
    return {**HANDOVER, "requested_at": at}


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
    notes=[note(ID, BOBS_NOTE, BOBS_NOTE_KEY)],
    handovers=[handover(BOBS_TIME)],
    handover_since=BOBS_TIME,
    duplicates={TWIN},
    children={"5555-5555-5555"},
    created_by="carol.c",
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


def annas_ticket(last_digit: int, caller: str) -> Ticket:
    """Return a ticket of Anna with all data that only the desk may see.

    The ticket is older than Bob's tickets, so that every cursor of Bob's list points to a place
    before this ticket.
    """
    ticket_id = f"a0a0a0a0-0000-4000-8000-00000000000{last_digit}"
    noted = note(ticket_id, ANNAS_NOTE, ANNAS_NOTE_KEY)
    return Ticket(
        ticket_id=ticket_id,
        caller_id=caller,
        issue_description="Anna's door is shut",
        created_at=ANNAS_TIME,
        updated_at=ANNAS_TIME,
        notes=[noted],
        note_writes=1,
        comment_ids={noted["comment_id"]},
        handovers=[handover(ANNAS_HANDOVER_TIME)],
        handover_since=ANNAS_HANDOVER_TIME,
        duplicates={"2222-2222-2222"},
        follow_ups={"3333-3333-3333"},
        parent="4444-4444-4444",
        children={"5555-5555-5555"},
        created_by="carol.c",
    )


ANNAS_TICKET = annas_ticket(1, ANNA)
# Anna writes to this ticket only.
ANNAS_WRITABLE_TICKET = annas_ticket(2, ANNA_FILING)
BOBS_SECRETS = [
    *(BOB, quoted(BOB), BOBS_TEXT, BOBS_COMMENT),
    *(BOBS_TIME, BOBS_COMMENT_TIME, TWIN_TIME, OLD_TIME),
    *(ID, OLD_ID, TWIN_ID, COMMENT_ID, NUMBER, WRITTEN, SPOKEN, TWIN, TWIN.replace("-", "")),
]
"""Texts of Bob's tickets that no response to Anna may contain."""
DESK_SECRETS = [
    *HANDOVER.values(),
    *(BOBS_NOTE, ANNAS_NOTE, NOTE_TIME, "carol.c", "dora.d", "2222-2222", "3333-3333"),
    *("4444-4444", "5555-5555"),
    *(ANNAS_TICKET.notes[0]["comment_id"], BOBS_TICKET.notes[0]["comment_id"]),
    *("visibility", "created_by", "handovers", "note_writes", "queue_position"),
    *("When is the door open?", "The door is open at noon"),
]
"""Data of the desk that no response to Anna may contain."""

ETAG = f'"1.{BOBS_COMMENT_TIME}"'
# The versions of Anna's tickets with and without the write of the note.
ANNAS_DESK_VERSION, ANNAS_PUBLIC_VERSION = f'"1.{ANNAS_TIME}"', f'"0.{ANNAS_TIME}"'


def store() -> None:
    """Store Bob's three tickets, Anna's two tickets and a canned answer."""
    for ticket in (BOBS_TICKET, BOBS_TWIN, ANNAS_TICKET, ANNAS_WRITABLE_TICKET):
        places.set_place(ticket)
        items.put_new(ticket)
    BOBS_OLD_TICKET.save()
    _, revision = canned_answers.read()
    name, text = "When is the door open?", "The door is open at noon"
    canned_answers.replace([{"answer_id": "1", "name": name, "text": text}], revision)


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
