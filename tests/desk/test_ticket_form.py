"""Tests of the form of the ticket page: everything entered is sent at once, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from itsm_app.storage.models import Ticket
from itsm_app.tickets.limits import MAX_BYTES_AFTER_CHANGE

from ..conftest import ON_MOTO
from ..support.desk import AGENT, BOB, Desk, form
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, refuse

pytestmark = ON_MOTO


@pytest.fixture
def ticket(file_ticket: Callable[..., str]) -> str:
    return file_ticket()


@pytest.fixture
def comment(desk_app: Flask, ticket: str) -> Callable[..., None]:
    """Return a function that adds a comment of the caller."""

    def comment(text: str, **more: Any) -> None:
        body = {"comment": text, **more}
        client = desk_app.test_client()
        response = client.post(
            f"/tickets/{ticket}/comments", json=body, headers={"x-api-key": AGENT}
        )
        assert response.status_code == 200

    return comment


@pytest.fixture
def patch(desk_app: Flask) -> Callable[..., None]:
    """Return a function that changes a ticket with Bob's key."""

    def patch(ticket: str, **change: Any) -> None:
        client = desk_app.test_client()
        path, key = f"/tickets/{ticket}", {"x-api-key": BOB}
        key["If-Match"] = client.get(path, headers=key).headers["ETag"]
        assert client.patch(path, json=change, headers=key).status_code == 200

    return patch


def state(ticket: Any) -> tuple[Any, ...]:
    """Return status, priority, assignee, and the comments with their visibility."""
    comments = [(each.get("visibility"), each["comment_text"]) for each in ticket["comments"]]
    return ticket["status"], ticket["priority"], ticket.get("assignee"), comments


def fill(desk: Desk, ticket: str, button: str = "Send answer", **fields: str) -> dict[str, str]:
    return {**desk.form(f"/desk/tickets/{ticket}", button), **fields}


@pytest.mark.parametrize(
    ("button", "fields", "expected", "messages"),
    [
        (
            "Send answer",
            {"comment": "Hi", "priority": "high"},
            ("in_progress", "high", "anna.b", [("public", "Hi")]),
            "Your answer was added. The status is now in progress. The priority is now high. The"
            " ticket is now assigned to you.",
        ),
        (
            "Send answer",
            {"comment": "Hi", "assignee": "bob", "status": "resolved"},
            ("resolved", "normal", "bob", [("public", "Hi")]),
            "The ticket is now assigned to bob.",
        ),
        (
            "Send and resolve",
            {"comment": "Hi"},
            ("resolved", "normal", "anna.b", [("public", "Hi")]),
            "The status is now resolved.",
        ),
        (
            "Send answer",
            {"comment": "Hi", "take_on_answer": ""},
            ("open", "normal", None, [("public", "Hi")]),
            "Your answer was added.",
        ),
        (
            "Add internal note",
            {"comment": "Psst", "visibility": "internal", "priority": "low"},
            ("open", "low", None, [("internal", "Psst")]),
            "Your internal note was added. The caller does not see the note. The priority is now",
        ),
        (
            "Save changes",
            {"assignee": " zoe "},
            ("open", "normal", "zoe", []),
            "The ticket is now assigned to zoe.",
        ),
        (
            "Send answer",
            {"comment": "\u200b", "priority": "high"},
            ("open", "high", None, []),
            "The priority is now high.",
        ),
        (
            "Assign to me",
            {"comment": "\u200b"},
            ("open", "normal", "anna.b", []),
            "The ticket is now assigned to you.",
        ),
        (
            "Save changes",
            {"assignee": "\u2060", "seen_assignee": "bob"},
            ("open", "normal", None, []),
            "The ticket is now unassigned.",
        ),
        (
            "Assign to me",
            {"priority": "urgent"},
            ("open", "urgent", "anna.b", []),
            "The priority is now urgent. The ticket is now assigned to you.",
        ),
        (
            "Send answer",
            {"comment": "x" * 10_000},
            ("in_progress", "normal", "anna.b", [("public", "x" * 10_000)]),
            "Your answer was added.",
        ),
    ],
)
def test_everything_entered_is_saved_with_one_submit(
    anna: Desk,
    ticket: str,
    stored: Callable[[str], Any],
    button: str,
    fields: dict[str, str],
    expected: tuple[Any, ...],
    messages: str,
) -> None:
    sent = fill(anna, ticket, button, **fields)
    if sent.get("take_on_answer") == "":
        del sent["take_on_answer"]
    response = anna.post(f"/desk/tickets/{ticket}", sent)
    assert response.status_code == 303
    assert messages in anna.get(response.location).text
    assert state(stored(ticket)) == expected


def test_the_page_offers_to_take_only_where_it_applies(
    anna: Desk, ticket: str, comment: Callable[..., None], patch: Callable[..., None]
) -> None:
    path = f"/desk/tickets/{ticket}"

    def is_offered() -> bool:
        return 'name="take_on_answer"' in anna.get(path).text

    assert is_offered()
    patch(ticket, assignee="bob")
    assert not is_offered()
    comment("I want a person", handover={})
    assert not is_offered()
    patch(ticket, assignee=None)
    assert is_offered()
    patch(ticket, assignee="anna.b", status="in_progress")
    assert not is_offered()
    comment("I want a person again", handover={})
    assert is_offered()
    answer = anna.post(path, fill(anna, ticket, comment="Here I am"))
    assert answer.status_code == 303
    assert not is_offered()
    assert "ended the wait for a person after 0 h 00 min" in anna.get(path).text


def test_the_page_suggests_the_names_of_the_desk(anna: Desk, ticket: str) -> None:
    page = anna.get(f"/desk/tickets/{ticket}").text
    (names,) = re.findall(r'<datalist id="desk-names">(.*?)</datalist>', page, re.DOTALL)
    assert re.findall(r'value="([^"]*)"', names) == ["anna.b", "bob"]


def test_an_answer_is_sent_if_only_the_caller_commented_meanwhile(
    anna: Desk, ticket: str, comment: Callable[..., None], stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = fill(anna, ticket, comment="Hi", priority="high")
    comment("Hello?")
    assert anna.post(path, answer).status_code == 303
    assert state(stored(ticket))[:3] == ("in_progress", "high", "anna.b")
    solution = fill(anna, ticket, "Send and resolve", comment="Solved")
    comment("It is broken again")
    response = anna.post(path, solution)
    assert response.status_code == 412
    assert "The caller wrote: <bdi>It is broken again</bdi>" in response.text
    assert stored(ticket)["status"] == "in_progress"


def test_a_conflict_keeps_what_was_entered_and_says_what_changed(
    anna: Desk, ticket: str, patch: Callable[..., None], stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    sent = fill(anna, ticket, comment="Mine", visibility="internal", status="resolved")
    del sent["take_on_answer"]
    patch(ticket, priority="urgent", assignee="bob")
    patch(ticket, comment="Note of Bob", visibility="internal")
    patch(ticket, comment="Answer of Bob")
    response = anna.post(path, sent)
    assert response.status_code == 412
    for change in (
        "<bdi>bob</bdi> changed the priority from Normal to <b>Urgent</b>",
        "<bdi>bob</bdi> took the ticket",
        "<bdi>bob</bdi> added an internal note: <bdi>Note of Bob</bdi>",
        "<bdi>bob</bdi> wrote: <bdi>Answer of Bob</bdi>",
    ):
        assert change in response.text.partition('<p class="notice changed"')[0]
    again = form(response.text, "Add internal note")
    assert {"comment": "Mine", "visibility": "internal", "status": "resolved"}.items() <= (
        again.items()
    )
    # Fields that Anna did not touch show and keep what Bob has set.
    assert (again["priority"], again["assignee"]) == ("urgent", "bob")
    assert anna.post(path, again).status_code == 303
    assert state(stored(ticket))[:3] == ("resolved", "urgent", "bob")


def test_a_conflict_keeps_changed_fields_and_drops_a_status_that_cannot_follow(
    anna: Desk, ticket: str, patch: Callable[..., None]
) -> None:
    sent = fill(anna, ticket, status="in_progress", priority="low", assignee="zoe")
    del sent["take_on_answer"]
    patch(ticket, status="in_progress")
    response = anna.post(f"/desk/tickets/{ticket}", sent)
    again = form(response.text, "Save changes")
    assert (again["status"], again["priority"], again["assignee"]) == ("", "low", "zoe")
    assert "take_on_answer" not in again


def test_closing_asks_and_carries_everything_entered(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    fields = {"comment": "Bye", "status": "closed", "priority": "low", "assignee": "zoe"}
    question = anna.post(path, fill(anna, ticket, **fields))
    assert question.status_code == 200
    assert "This answer is sent at the same time" in question.text
    assert stored(ticket)["status"] == "open"
    back = anna.post(path, form(question.text, "Cancel"))
    assert back.status_code == 200
    assert fields.items() <= form(back.text, "Send answer").items()
    done = anna.post(path, form(question.text, "Close ticket"))
    assert done.status_code == 303
    assert state(stored(ticket)) == ("closed", "low", "zoe", [("public", "Bye")])


def test_closing_with_a_note_says_that_the_text_is_a_note(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    fields = {"comment": "Spam", "status": "closed", "visibility": "internal"}
    question = anna.post(path, fill(anna, ticket, **fields))
    assert "This internal note is added at the same time" in question.text
    anna.post(path, form(question.text, "Close ticket"))
    assert state(stored(ticket)) == ("closed", "normal", None, [("internal", "Spam")])


def test_taking_a_ticket_keeps_an_unfinished_text(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    taken = anna.post(path, fill(anna, ticket, "Assign to me", comment="Half a"))
    assert taken.status_code == 200
    assert "The ticket is now assigned to you." in taken.text
    assert form(taken.text, "Send answer")["comment"] == "Half a"
    assert stored(ticket)["comments"] == []
    # With a script, the browser keeps the text.
    sent = fill(anna, ticket, "Save changes", comment="Half a", take="1", keeps_draft="1")
    assert anna.post(path, sent).status_code == 303


def test_taking_and_closing_a_ticket_does_not_send_an_unfinished_text(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    taken = fill(anna, ticket, "Assign to me", comment="Unfinished", status="closed")
    page = anna.post(f"/desk/tickets/{ticket}", taken)
    confirmed = form(page.text, "Close ticket")
    assert confirmed["comment"] == "Unfinished"
    anna.post(f"/desk/tickets/{ticket}", confirmed)
    assert state(stored(ticket)) == ("closed", "normal", "anna.b", [])


def test_a_busy_ticket_keeps_the_text(anna: Desk, ticket: str, faults: FaultyDynamoDB) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = fill(anna, ticket, comment="Kept")
    faults.faults += [apply, refuse("ConditionalCheckFailedException")] * 3
    busy = anna.post(path, answer)
    assert busy.status_code == 409
    assert "Others changed this ticket at the same moment" in busy.text
    assert "Kept</textarea>" in busy.text
    assert anna.post(path, form(busy.text, "Send answer")).status_code == 303


def test_a_full_ticket_keeps_the_text(anna: Desk, ticket: str) -> None:
    path = f"/desk/tickets/{ticket}"
    Ticket(ticket).update(actions=[Ticket.content_bytes.set(MAX_BYTES_AFTER_CHANGE)])
    full = anna.post(path, fill(anna, ticket, comment="Kept"))
    assert full.status_code == 409
    assert "The ticket has no room for this answer" in full.text
    assert "Kept</textarea>" in full.text


def test_an_answer_can_have_10_000_characters(anna: Desk, ticket: str) -> None:
    page = anna.get(f"/desk/tickets/{ticket}").text
    assert 'data-max="10000"' in page
    assert "Up to 10,000 characters." in page
