"""Tests of the setting `REDACT`: what is stored, and what counts as the same request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app import config

from ..conftest import ON_MOTO, Log
from ..support.desk import Desk, form
from ..support.mcp_messages import call

pytestmark = ON_MOTO

SAID = "My card is 4111 1111 1111 1111 and my password is hunter2"
STORED = "My card is [card] and my password is [password]"
HANDOVER = {"reason": SAID, "summary": SAID, "contact_id": "4111111111111111"}


@pytest.fixture
def _redact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "REDACT", "cards,passwords")


def create(client: FlaskClient, caller: str, **fields: Any) -> Any:
    body = {"caller_id": caller, "issue_description": SAID, **fields}
    return client.post("/tickets", json=body)


def texts(client: FlaskClient, ticket: str) -> list[str]:
    """Return the description and the comments of a ticket."""
    shown = client.get(f"/tickets/{ticket}").json
    return [shown["issue_description"], *(each["comment_text"] for each in shown["comments"])]


@pytest.mark.parametrize(
    ("setting", "stored"),
    [
        ("", SAID),
        ("cards", "My card is [card] and my password is hunter2"),
        (" passwords ,", "My card is 4111 1111 1111 1111 and my password is [password]"),
        ("passwords,cards", STORED),
    ],
)
def test_setting_chooses_what_is_replaced(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch, setting: str, stored: str
) -> None:
    monkeypatch.setattr(config, "REDACT", setting)
    ticket = create(client, caller).json["ticket_id"]
    assert texts(client, ticket) == [stored]


@pytest.mark.usefixtures("_redact")
def test_each_text_of_a_request_is_redacted(client: FlaskClient, caller: str, log: Log) -> None:
    created = create(client, caller, handover=HANDOVER)
    ticket = created.json["ticket_id"]
    client.post(f"/tickets/{ticket}/comments", json={"comment": SAID, "handover": HANDOVER})
    client.patch(f"/tickets/{ticket}", json={"comment": SAID})
    client.patch(f"/tickets/{ticket}", json={"comment": SAID, "visibility": "internal"})
    assert texts(client, ticket) == [STORED] * 4
    shown = client.get(f"/tickets/{ticket}").json
    handovers = [
        {name: each[name] for name in HANDOVER} for each in (shown["handover"], *shown["handovers"])
    ]
    # The contact ID is no text of the caller. A contact centre finds the call with it.
    assert handovers == [{**HANDOVER, "reason": STORED, "summary": STORED}] * len(handovers)
    assert created.json.get("issue_description", STORED) == STORED
    assert log.lines("request")
    assert "hunter2" not in log.text
    assert "4111" not in log.text


@pytest.mark.usefixtures("_redact")
def test_tools_and_the_desk_redact(
    client: FlaskClient,
    caller: str,
    anna: Desk,
    file_ticket: Callable[..., str],
    stored: Callable[[str], Any],
) -> None:
    ticket = file_ticket("Hello")
    call(client, "add_ticket_comment", {"ticket_id": ticket, "comment": SAID})
    page = f"/desk/tickets/{ticket}"
    for button, more in (
        ("Send answer", {"comment": SAID}),
        ("Add internal note", {"comment": SAID, "visibility": "internal"}),
    ):
        fields = {**form(anna.get(page).text, button), **more}
        assert anna.post(page, fields).status_code == 303
    assert [each["comment_text"] for each in stored(ticket)["comments"]] == [STORED] * 3
    made = call(client, "create_ticket", {"caller_id": caller, "issue_description": SAID})
    assert texts(client, made["structuredContent"]["ticket_id"]) == [STORED]
    assert "hunter2" not in anna.get(page).text


@pytest.mark.parametrize("before", ["", "cards,passwords"])
def test_repeated_request_is_the_same_request_if_the_setting_changed(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setattr(config, "REDACT", before)
    new = {"idempotency_key": "first", "handover": HANDOVER}
    ticket = create(client, caller, **new).json["ticket_id"]
    comment = {"comment": SAID, "idempotency_key": "second", "handover": HANDOVER}
    path = f"/tickets/{ticket}/comments"
    added = client.post(path, json=comment).json
    monkeypatch.setattr(config, "REDACT", "cards,passwords")
    assert create(client, caller, **new).json["ticket_id"] == ticket
    assert client.post(path, json=comment).json["comment_id"] == added["comment_id"]
    # Another card number is no other text: both are stored as `[card]`.
    comment["comment"] = SAID.replace("4111 1111 1111 1111", "5500 0000 0000 0004")
    assert client.post(path, json=comment).status_code == 200
    comment["comment"] = "Other"
    assert client.post(path, json=comment).json["code"] == "idempotency_key_reused"
    other = create(client, caller, **{**new, "issue_description": "Other"})
    assert other.json["code"] == "idempotency_key_reused"


@pytest.mark.usefixtures("_redact")
def test_repeated_change_is_the_same_change(client: FlaskClient, ticket: str) -> None:
    change = {"comment": SAID, "idempotency_key": "key"}
    path = f"/tickets/{ticket}"
    first, again = (client.patch(path, json=change) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert texts(client, ticket)[1:] == [STORED]
