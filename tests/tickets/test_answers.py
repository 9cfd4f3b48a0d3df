"""Tests of what is stored about told answers, on each DynamoDB engine."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from itsm_app.storage import items
from itsm_app.storage.models import Ticket
from itsm_app.tickets import answers, erasure

pytestmark = pytest.mark.usefixtures("engine")

TIMES = ["2001-02-03T04:05:01.000000Z", "2001-02-03T04:05:02.000000Z"]


def stored_ticket(caller: str) -> Ticket:
    comments: list[Any] = [
        {"comment_text": "a", "added_at": each, "comment_id": each, "author": "dora"}
        for each in TIMES
    ]
    texts: dict[str, Any] = {
        "issue_description": "b",
        "created_at": TIMES[0],
        "updated_at": TIMES[0],
    }
    ticket = Ticket(ticket_id=str(uuid4()), caller_id=caller, comments=comments, **texts)
    assert items.put_new(ticket)
    return ticket


def told(ticket: Ticket) -> tuple[str | None, str | None, str | None]:
    found = items.read(ticket.ticket_id)
    return found.told_before, found.told_until, found.told_contact_id


def test_stores_the_last_call_and_the_state_before_it(caller: str) -> None:
    ticket = stored_ticket(caller)
    answers.mark_told(ticket, "first", TIMES[0])
    assert told(ticket) == (None, TIMES[0], "first")
    ticket = items.read(ticket.ticket_id)
    assert [each["added_at"] for each in answers.untold(ticket, "first")] == TIMES
    assert [each["added_at"] for each in answers.untold(ticket, "second")] == TIMES[1:]
    answers.mark_told(ticket, "second", TIMES[1])
    assert told(ticket) == (TIMES[0], TIMES[1], "second")
    # A call that read the ticket earlier does not overwrite the later state.
    answers.mark_told(ticket, "third", TIMES[0])
    assert told(ticket) == (TIMES[0], TIMES[1], "second")


def test_does_not_store_a_contact_on_an_erased_or_deleted_ticket(caller: str) -> None:
    ticket = stored_ticket(caller)
    assert erasure.erase(ticket.ticket_id, {caller})
    answers.mark_told(ticket, "first", TIMES[0])
    assert told(ticket) == (None, None, None)
    missing = Ticket(ticket_id=str(uuid4()))
    answers.mark_told(missing, "first", TIMES[0])
    assert items.read(missing.ticket_id) is None
