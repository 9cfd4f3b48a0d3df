"""Tests of the canned answers: their pages, their item in the table, and that it is no ticket."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from itsm_app.storage.items import CANNED_ANSWERS_KEY
from itsm_app.tickets.limits import MAX_CANNED_ANSWERS

from ..conftest import ON_MOTO
from ..support.desk import AGENT, ANNA, Desk, form
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop, refuse
from ..tickets.test_erasure import erase_caller
from .test_conversation import words

pytestmark = [ON_MOTO, pytest.mark.usefixtures("empty_table")]

PATH = "/desk/canned-answers"
KEY = CANNED_ANSWERS_KEY


def add(desk: Desk, name: str = "Reset", text: str = "Ticket {number} of {caller}") -> str:
    """Add a canned answer and return its id."""
    sent = {**desk.form(PATH, "Add canned answer"), "name": name, "text": text}
    assert desk.post(PATH, sent).status_code == 303
    return sent["answer_id"]


def names(desk: Desk) -> list[str]:
    return re.findall(r"data-name>([^<]*)<", desk.get(PATH).text)


def test_people_add_change_and_delete_canned_answers(anna: Desk, bob: Desk) -> None:
    assert "No canned answers yet." in anna.get(PATH).text
    add(anna, "Reset", "One\r\ntwo")
    added = add(anna, "call back", "<b>&")
    assert names(bob) == ["call back", "Reset"]
    page = anna.get(f"{PATH}?done=add").text
    assert "The canned answer was added." in page
    assert "data-text>One\ntwo</p>" in page
    assert "data-text>&lt;b&gt;&amp;</p>" in page
    path = f"{PATH}/{added}"
    response = bob.post(path, {**bob.form(path, "Save canned answer"), "name": "Later"})
    assert "The canned answer was changed." in anna.get(response.location).text
    assert names(anna) == ["Later", "Reset"]
    deletion = anna.form(path, "Delete canned answer")
    response = anna.post(path, {**deletion, "name": "", "text": ""})
    assert "The canned answer was deleted." in anna.get(response.location).text
    assert names(anna) == ["Reset"]
    assert anna.post(path, deletion).status_code == 303
    assert anna.get(path).status_code == 404


def without_links(page: str) -> str:
    return re.sub("</?a[^>]*>", "", page)


def test_the_page_of_a_ticket_fills_in_the_placeholders(
    anna: Desk, file_ticket: Callable[..., str], stored: Callable[[str], Any]
) -> None:
    add(anna, text="{caller}: ticket {number}, {other} {0} {caller.x}")
    ticket = file_ticket(caller="{number}")
    number = stored(ticket)["ticket_number"]
    page = anna.get(f"{PATH}?ticket={ticket}").text
    assert f"{{number}}: ticket {number}, {{other}} {{0}} {{caller.x}}</p>" in without_links(page)
    assert f'href="{PATH}?ticket={ticket}"' in anna.get(f"/desk/tickets/{ticket}").text
    assert anna.get(f"{PATH}?ticket=none").status_code == 404


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "Enter a name first."),
        ({"text": ""}, "Write the text first."),
        ({"name": "x" * 61}, "The name has 61 characters. The limit is 60 characters."),
        ({"text": "x" * 1501}, "The text has 1,501 characters. The limit is 1,500 characters."),
    ],
)
def test_wrong_input_is_rejected_and_kept(anna: Desk, fields: dict[str, str], message: str) -> None:
    added = add(anna)
    for path, button in [(PATH, "Add canned answer"), (f"{PATH}/{added}", "Save canned answer")]:
        sent = {**anna.form(path, button), "name": "Name", "text": "Text", **fields}
        response = anna.post(path, sent)
        assert response.status_code == 400
        assert message in response.text
        assert form(response.text, button) == sent
    assert names(anna) == ["Reset"]


def test_forged_fields_are_rejected(anna: Desk) -> None:
    path = f"{PATH}/{add(anna)}"
    sent = anna.form(path, "Save canned answer")
    for field, value in [("revision", "x"), ("revision", "-1"), ("answer_id", "")]:
        assert anna.post(path, {**sent, field: value}).status_code == 400
    assert anna.post(path, {**sent, "revision": ""}).status_code == 303
    assert anna.post(path, {**sent, "revision": "", "text": "New"}).status_code == 412


def test_two_editors_do_not_lose_each_others_change(anna: Desk, bob: Desk) -> None:
    path = f"{PATH}/{add(anna)}"
    mine, deletion = anna.form(path, "Save canned answer"), anna.form(path, "Delete canned answer")
    bob.post(path, {**bob.form(path, "Save canned answer"), "text": "Text of Bob"})
    response = anna.post(path, {**mine, "text": "Text of Anna"})
    assert response.status_code == 412
    assert "Somebody has changed the canned answers since you opened this page" in response.text
    assert '<blockquote dir="auto">Text of Bob</blockquote>' in response.text
    again = form(response.text, "Save canned answer")
    assert again["text"] == "Text of Anna"
    assert anna.post(path, deletion).status_code == 412
    assert anna.post(path, again).status_code == 303
    bob.post(path, bob.form(path, "Delete canned answer"))
    response = anna.post(path, {**again, "text": "Once more"})
    assert response.status_code == 412
    assert "Somebody deleted this canned answer." in response.text
    assert "Once more</textarea>" in response.text


def test_additions_at_the_same_time_are_both_kept_and_a_repetition_adds_nothing(
    anna: Desk, bob: Desk
) -> None:
    mine = {**anna.form(PATH, "Add canned answer"), "name": "A", "text": "a"}
    add(bob, "B")
    assert [anna.post(PATH, mine).status_code for _ in range(2)] == [303, 303]
    assert names(anna) == ["A", "B"]
    other = anna.post(PATH, {**mine, "text": "other"})
    assert other.status_code == 409
    assert "This form was already sent with other content" in other.text


def test_a_write_is_repeated_after_a_conflict_and_after_a_lost_response(
    anna: Desk, faults: FaultyDynamoDB
) -> None:
    sent = {"answer_id": str(uuid4()), "name": "A", "text": "a"}
    conflict = refuse("ConditionalCheckFailedException")
    faults.faults += [apply, conflict, apply, apply_and_drop]
    assert anna.post(PATH, sent).status_code == 303
    assert names(anna) == ["A"]
    faults.faults += [apply, conflict] * 3
    busy = anna.post(PATH, {**sent, "answer_id": "other"})
    assert busy.status_code == 409
    assert "Others changed the canned answers at the same moment" in busy.text


def test_the_number_of_canned_answers_is_limited(
    anna: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"up to {MAX_CANNED_ANSWERS} canned answers" in anna.get(PATH).text
    monkeypatch.setattr("itsm_app.tickets.canned_answers.MAX_CANNED_ANSWERS", 2)
    add(anna, "A")
    add(anna, "B")
    sent = {**anna.form(PATH, "Add canned answer"), "name": "C", "text": "c"}
    response = anna.post(PATH, sent)
    assert response.status_code == 400
    assert "The number of canned answers must be at most 2. Delete an answer" in response.text


@pytest.mark.exhaustive
def test_the_largest_canned_answers_fit_into_one_item(anna: Desk) -> None:
    for _ in range(MAX_CANNED_ANSWERS):
        sent = {"answer_id": str(uuid4()), "name": "\U0001f525" * 60, "text": "\U0001f525" * 1500}
        assert anna.post(PATH, sent).status_code == 303
    assert len(names(anna)) == MAX_CANNED_ANSWERS


def test_the_item_of_the_canned_answers_is_no_ticket(
    anna: Desk, desk_app: Flask, file_ticket: Callable[..., str], caller: str
) -> None:
    add(anna, text="Secret text")
    ticket = file_ticket()
    client = desk_app.test_client()
    for key in (AGENT, ANNA):
        headers = {"x-api-key": key}
        for method, path, body in [
            ("GET", f"/tickets/{KEY}", None),
            ("GET", f"/tickets/{KEY}?history=all", None),
            ("POST", f"/tickets/{KEY}/comments", {"comment": "x"}),
            ("POST", f"/tickets/{KEY}/comments", {"comment": "x", "handover": {}}),
            ("PATCH", f"/tickets/{KEY}", {"status": "closed"}),
        ]:
            response = client.open(path, method=method, json=body, headers=headers)
            expected = 403 if key == AGENT and ("history" in path or method == "PATCH") else 404
            assert response.status_code in (expected, 404), (method, path)
    merging = {"duplicate_of": KEY}
    headers = {"x-api-key": ANNA}
    assert client.patch(f"/tickets/{ticket}", json=merging, headers=headers).status_code == 404
    for path in (f"/tickets?caller={KEY}", "/tickets?status=open", "/tickets?status=closed"):
        assert "Secret" not in client.get(path, headers=headers).text
    assert anna.get(f"/desk/tickets/{KEY}").status_code == 404
    assert "Nothing found" in anna.get(f"/desk/find?q={KEY}").text
    for path in ("/desk", "/desk/stats"):
        page = anna.get(path)
        assert page.status_code == 200
        assert "Secret" not in page.text
    erase_caller(caller, "--yes")
    erase_caller(KEY, "--yes")
    assert "Secret text" in words(unescape(anna.get(PATH).text))


def test_agents_and_other_sites_cannot_change_canned_answers(desk_app: Flask, anna: Desk) -> None:
    sent = {"answer_id": "a", "name": "A", "text": "a"}
    assert desk_app.test_client().get(PATH, headers={"x-api-key": AGENT}).status_code == 303
    assert Desk(desk_app).post(PATH, sent).status_code == 401
    cross = anna.post(PATH, sent, **{"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    assert names(anna) == []
