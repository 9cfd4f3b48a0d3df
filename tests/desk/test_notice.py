"""Tests of the page of the notice, its banner, and the links to tickets that joined."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from ..conftest import ON_MOTO
from ..support.desk import AGENT, Desk, form
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, refuse
from .test_conversation import words

pytestmark = [ON_MOTO, pytest.mark.usefixtures("empty_table")]

PATH = "/desk/notice"
TEXT = "E-mail is down, we are working on it"


def post(desk: Desk, **fields: str) -> Any:
    return desk.post(PATH, {**desk.form(PATH, "Post notice"), "text": TEXT, **fields})


def test_people_post_replace_and_end_a_notice(anna: Desk, bob: Desk) -> None:
    queue = anna.get("/desk").text
    assert f'<a href="{PATH}">Post a notice</a>' in queue
    assert 'id="notice"' not in queue
    assert "There is no notice now." in words(anna.get(PATH).text)
    response = post(anna)
    assert response.status_code == 303
    page = words(bob.get(response.location).text)
    assert "The notice was posted. All callers get it within 30 seconds." in page
    assert TEXT in page
    assert "Posted by anna.b moments ago." in page
    queue = words(bob.get("/desk").text)
    assert f"Notice: {TEXT} Until" in queue
    assert "Post a notice" not in queue
    assert post(bob, text="<b>Back</b>\r\nsoon").status_code == 303
    assert "&lt;b&gt;Back&lt;/b&gt;" in anna.get("/desk").text
    ended = anna.post(PATH, anna.form(PATH, "End the notice now"))
    assert "The notice was ended." in anna.get(ended.location).text
    assert 'id="notice"' not in anna.get("/desk").text


def utc(**ahead: float) -> str:
    """Return a time as a browser sends it."""
    return f"{datetime.now(UTC) + timedelta(**ahead):%Y-%m-%dT%H:%M}"


def test_the_end_is_a_duration_or_a_time(anna: Desk) -> None:
    for fields, minutes in (
        ({}, 120),
        ({"minutes": "30"}, 30),
        ({"ends_at": utc(hours=5)}, 300),
        ({"ends_at": utc(hours=5) + ":00"}, 300),
    ):
        assert post(anna, **fields).status_code == 303
        (ends_at,) = set(re.findall(r'<time datetime="([^"]*)">', anna.get(PATH).text))
        left = datetime.fromisoformat(ends_at) - datetime.now(UTC)
        assert abs(left.total_seconds() / 60 - minutes) < 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": " "}, "Write a text of 1 to 300 characters."),
        ({"text": "x" * 301}, "Write a text of 1 to 300 characters."),
        ({"ends_at": utc(hours=25)}, "The notice must end within the next 24 hours."),
        ({"ends_at": "soon"}, "The notice must end within the next 24 hours."),
        ({"minutes": "0"}, "must be a whole number from 1 to 1440"),
        ({"revision": "x"}, "Load the page again."),
        ({"ticket_number": "12"}, "This is not a valid ticket number."),
        ({"ticket_number": "x"}, "There is no ticket with this number."),
        ({"ticket_number": "closed"}, "Enter the number of a ticket that is not closed"),
    ],
)
def test_wrong_input_is_rejected_and_kept(
    anna: Desk,
    file_ticket: Callable[..., str],
    change: Callable[..., None],
    fields: dict[str, str],
    message: str,
) -> None:
    if fields.get("ticket_number") == "closed":
        ticket = file_ticket()
        change(ticket, status="closed")
        fields = {"ticket_number": ticket}
    response = post(anna, **fields)
    assert response.status_code in (400, 404)
    assert message in response.text
    sent = form(response.text, "Post notice")
    assert {**sent, **fields, "text": sent["text"]} == {**sent, "text": sent["text"], **fields}
    assert "There is no notice now." in anna.get(PATH).text


def test_two_editors_do_not_lose_each_others_notice(
    anna: Desk, bob: Desk, faults: FaultyDynamoDB
) -> None:
    mine = {**anna.form(PATH, "Post notice"), "text": "Text of Anna"}
    assert post(bob, text="Text of Bob").status_code == 303
    ending = anna.form(PATH, "End the notice now")
    response = anna.post(PATH, mine)
    assert response.status_code == 412
    assert "Somebody has changed the notice since you opened this page" in response.text
    assert "Text of Bob</blockquote>" in response.text
    assert "Text of Anna</textarea>" in response.text
    assert anna.post(PATH, form(response.text, "Post notice")).status_code == 303
    assert anna.post(PATH, ending).status_code == 412
    faults.faults += [apply, refuse("ConditionalCheckFailedException")] * 3
    busy = anna.post(PATH, {"text": "x", "minutes": "5"})
    assert busy.status_code == 409
    assert "Others changed the notice at the same moment" in busy.text


def test_tickets_that_joined_and_the_incident_link_to_each_other(
    anna: Desk, desk_app: Flask, file_ticket: Callable[..., str], stored: Callable[[str], Any]
) -> None:
    incident = file_ticket("E-mail is down", "monitoring")
    number = stored(incident)["ticket_number"]
    assert post(anna, ticket_number=number).status_code == 303
    assert f'href="/desk/tickets/{number}">{number}</a>' in anna.get(PATH).text
    joined = []
    for text in ("No e-mail", "No mail either"):
        body = {"caller_id": "+15550100", "issue_description": text, "join_notice": True}
        headers = {"x-api-key": AGENT}
        joined.append(desk_app.test_client().post("/tickets", json=body, headers=headers).json)
        page = anna.get(f"/desk/tickets/{incident}").text
        assert f"/desk/tickets/{joined[-1]['ticket_number']}" in page
    assert "Joined by 2 tickets" in words(page)
    assert "Later tickets are not listed here." not in page
    page = anna.get(f"/desk/tickets/{joined[0]['ticket_id']}").text
    assert f"Joined the incident {number}" in words(page)


def test_agents_and_other_sites_cannot_change_the_notice(desk_app: Flask, anna: Desk) -> None:
    sent = {"text": TEXT, "minutes": "5"}
    assert desk_app.test_client().get(PATH, headers={"x-api-key": AGENT}).status_code == 303
    assert Desk(desk_app).post(PATH, sent).status_code == 401
    assert anna.post(PATH, sent, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert "There is no notice now." in anna.get(PATH).text
