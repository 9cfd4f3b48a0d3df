"""Tests of the caller's other tickets, follow-ups and merging on the ticket page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from itsm_app import config
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.desk import Desk, form
from .test_conversation import words

pytestmark = ON_MOTO


@pytest.fixture
def ticket(file_ticket: Callable[..., str]) -> str:
    return file_ticket()


def number_of(ticket: str) -> str:
    return str(Ticket.get(ticket).ticket_number)


def panel(desk: Desk, ticket: str) -> str:
    return desk.get(f"/desk/tickets/{ticket}").text.partition("<aside")[2]


def merge(desk: Desk, ticket: str, number: str, **fields: str) -> Any:
    path = f"/desk/tickets/{ticket}"
    sent = {**desk.form(path, "Close as duplicate"), "duplicate_of": number, **fields}
    return desk.post(path, sent)


def test_the_panel_lists_the_callers_five_latest_tickets(
    anna: Desk, file_ticket: Callable[..., str], caller: str
) -> None:
    ids = [file_ticket(f"Problem {n}") for n in range(7)]
    file_ticket("Of another caller", f"{caller}9")
    html = panel(anna, ids[3])
    assert re.findall(r"/desk/tickets/([\w-]{36})", html) == [ids[n] for n in (6, 5, 4, 2, 1)]
    text = words(html)
    assert f"{number_of(ids[6])} Problem 6 Open moments ago" in text
    assert "Problem 3" not in text
    assert "No other tickets of this caller." in words(panel(anna, file_ticket("x", f"{caller}8")))


def test_the_panel_lists_no_tickets_of_withheld_callers(
    anna: Desk, file_ticket: Callable[..., str]
) -> None:
    first, _ = file_ticket(caller="anonymous"), file_ticket("Secret", caller="Anonymous")
    html = panel(anna, first)
    assert "Secret" not in html
    assert "number is withheld" in html
    assert "Close as duplicate" not in html


def test_the_panel_of_a_caller_id_that_is_not_valid_today_lists_nothing(
    anna: Desk, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ticket(ticket).update(actions=[Ticket.caller_id.set("maria")])
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    assert "No other tickets of this caller." in panel(anna, ticket)


def test_a_follow_up_and_its_ticket_link_to_each_other(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    (url,) = re.findall(r'href="([^"]*)">File a follow-up<', panel(anna, ticket))
    sent = anna.form(unescape(url), "Create ticket")
    assert sent["follow_up_of"] == number_of(ticket)
    sent["issue_description"] += "It burns again"
    created = anna.post("/desk/new", sent)
    assert created.status_code == 303
    follow_up = created.location.partition("?")[0].rpartition("/")[2]
    assert stored(follow_up)["follow_up_of"] == number_of(ticket)
    assert stored(ticket)["follow_ups"] == [number_of(follow_up)]
    assert f"Follow-up of {number_of(ticket)}" in words(panel(anna, follow_up))
    assert f"Follow-up {number_of(follow_up)}" in words(panel(anna, ticket))
    assert anna.get(f"/desk/tickets/{number_of(follow_up)}").status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({}, 400, "Describe the problem first."),
        ({"issue_description": ""}, 400, "Describe the problem first."),
        ({"added": "\u200b"}, 400, "Describe the problem first."),
        ({"caller_id": "+15559999999", "issue_description": "x"}, 404, "must have the same caller"),
        ({"follow_up_of": "1234", "issue_description": "x"}, 400, "number of the earlier ticket"),
        ({"issue_description": "x" * 1001}, 400, "The description has 1,001 characters."),
        ({"caller_id": "x" * 101}, 400, "The caller has 101 characters."),
        ({"caller_id": ""}, 400, "Enter the caller first."),
    ],
)
def test_a_wrong_follow_up_keeps_its_text_and_says_why(
    anna: Desk, ticket: str, fields: dict[str, str], status: int, message: str
) -> None:
    (url,) = re.findall(r'href="([^"]*)">File a follow-up<', panel(anna, ticket))
    sent = {**anna.form(unescape(url), "Create ticket"), **fields}
    sent["issue_description"] += sent.pop("added", "")
    if "caller_id" in fields:
        sent["issue_description"] = "x"
    response = anna.post("/desk/new", sent)
    assert response.status_code == status
    assert message in unescape(response.text)
    again = form(response.text, "Create ticket")
    assert {**again, "idempotency_key": ""} == {**sent, "idempotency_key": ""}


def test_merging_asks_links_both_tickets_and_sends_the_text(
    anna: Desk, file_ticket: Callable[..., str], ticket: str, stored: Callable[[str], Any]
) -> None:
    survivor, number = file_ticket("The same fire"), number_of(ticket)
    question = merge(anna, ticket, number_of(survivor), comment="See the other")
    assert question.status_code == 200
    assert f"Close ticket {number} as a duplicate?" in words(question.text)
    for text in ("The same fire", "My printer is on fire", "See the other", number_of(survivor)):
        assert text in question.text
    assert stored(ticket)["status"] == "open"
    back = anna.post(f"/desk/tickets/{ticket}", form(question.text, "Cancel"))
    assert form(back.text, "Close as duplicate")["duplicate_of"] == number_of(survivor)
    done = anna.post(f"/desk/tickets/{ticket}", form(question.text, "Close as duplicate"))
    page = words(anna.get(done.location).text)
    assert f"The ticket was closed as a duplicate of {number_of(survivor)}." in page
    assert f"Closed as a duplicate of {number_of(survivor)}" in page
    assert f"You closed the ticket as a duplicate of {number_of(survivor)}" in page
    assert f"Go on with ticket {number_of(survivor)}" in page
    assert f"Duplicate, closed {number}" in words(panel(anna, survivor))
    assert stored(ticket)["comments"][0]["comment_text"] == "See the other"


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("itself", 400, "You entered the number of this ticket itself."),
        ("of another caller", 400, "The other ticket belongs to another caller."),
        ("closed", 400, "The other ticket is closed"),
        ("1655-4297-1282", 404, "There is no ticket with the number that you entered"),
        ("1655-4297-1283", 400, "is not a valid ticket number"),
        ("x" * 101, 400, "The number of the other ticket has 101 characters."),
    ],
)
def test_a_wrong_number_for_merging_keeps_everything_and_says_why(
    anna: Desk,
    file_ticket: Callable[..., str],
    ticket: str,
    caller: str,
    kind: str,
    status: int,
    message: str,
) -> None:
    number = kind
    if kind == "itself":
        number = number_of(ticket)
    elif kind == "of another caller":
        number = number_of(file_ticket(caller=f"{caller}7"))
    elif kind == "closed":
        other = file_ticket()
        path = f"/desk/tickets/{other}"
        anna.post(path, {**anna.form(path, "Save changes"), "status": "closed", "sure": "1"})
        number = number_of(other)
    response = merge(anna, ticket, number, comment="Kept", priority="low")
    assert response.status_code == status
    assert message in unescape(response.text)
    again = form(response.text, "Send answer")
    assert (again["comment"], again["priority"], again["duplicate_of"]) == ("Kept", "low", number)


def test_an_answer_to_a_merged_ticket_names_the_other_ticket(
    anna: Desk, bob: Desk, file_ticket: Callable[..., str], ticket: str
) -> None:
    survivor, path = file_ticket(), f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "Kept"}
    del answer["take_on_answer"]
    merge(bob, ticket, number_of(survivor), sure="1")
    (version,) = re.findall(r'data-version="([^"]+)"', anna.get(path).text)
    response = anna.post(path, {**answer, "version": version})
    assert response.status_code == 409
    assert f"Write the answer in ticket {number_of(survivor)}." in words(response.text)
    assert "readonly>Kept</textarea>" in response.text


def test_messages_in_the_url_name_nothing_that_the_ticket_does_not_have(
    anna: Desk, ticket: str
) -> None:
    page = words(anna.get(f"/desk/tickets/{ticket}?done=assignee&done=merge&done=x").text)
    assert "assigned to nobody. The ticket was closed as a duplicate of no ticket." in page
