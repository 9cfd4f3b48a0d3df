"""Tests of `X-Caller-Verified`: how the platform verified the caller, for the desk only."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from itsm_app.storage.export_format import from_line, to_line
from itsm_app.tickets import erasure

from ..conftest import ON_MOTO
from ..desk.test_conversation import words
from ..support.desk import AGENT, ANNA, Desk
from ..support.mcp_messages import call
from ..tickets.test_erasure import item_of

pytestmark = ON_MOTO

NEW = {"issue_description": "My printer is on fire", "idempotency_key": "key"}
COMMENT = {"comment": "It burns", "idempotency_key": "key"}
BY_DESK = {"x-api-key": ANNA}


@pytest.fixture
def web(anna: Desk) -> FlaskClient:
    return anna.client.application.test_client()


def bound(caller: str, verified: str | None = None) -> dict[str, str]:
    headers = {"x-api-key": AGENT, "X-Caller-Id": quote(caller)}
    return headers if verified is None else {**headers, "X-Caller-Verified": verified}


def create(web: FlaskClient, headers: dict[str, str]) -> str:
    response = web.post("/tickets", json=NEW, headers=headers)
    assert response.status_code == 201
    return f"/tickets/{response.json['ticket_id']}"


def comment(web: FlaskClient, path: str, headers: dict[str, str]) -> None:
    assert web.post(f"{path}/comments", json=COMMENT, headers=headers).status_code == 200


def seen_by_desk(web: FlaskClient, path: str) -> tuple[Any, Any]:
    """Return what the desk sees of the verification: with the ticket, and with its comment."""
    ticket = web.get(path, headers=BY_DESK).json
    return ticket.get("caller_verified"), ticket["comments"][0].get("caller_verified")


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("none", "number", ("not verified", "verified by phone number")),
        ("pin", "voice", ("verified by PIN", "verified by voice")),
        (None, None, ()),
    ],
)
def test_the_desk_sees_how_the_caller_was_verified(
    anna: Desk,
    web: FlaskClient,
    caller: str,
    first: str | None,
    second: str | None,
    shown: tuple[str, ...],
) -> None:
    path = create(web, bound(caller, first))
    comment(web, path, bound(caller, second))
    assert seen_by_desk(web, path) == (first, second)
    page = words(anna.get(f"/desk{path}").text)
    assert page.count("verified") == len(shown)
    for text in shown:
        assert f"Caller ({text})" in page
    # A repeated request keeps the first value, whatever it says.
    for again in ("pin", None):
        create(web, bound(caller, again))
        comment(web, path, bound(caller, again))
    assert seen_by_desk(web, path) == (first, second)


def test_nobody_but_the_desk_sees_the_verification(web: FlaskClient, caller: str) -> None:
    path = create(web, bound(caller, "pin"))
    comment(web, path, bound(caller, "pin"))
    arguments = {"ticket_id": path.removeprefix("/tickets/")}
    for headers in (bound(caller), {"x-api-key": AGENT}, {**BY_DESK, "X-Caller-Id": quote(caller)}):
        seen = [
            web.get(path, headers=headers).text,
            web.get("/tickets", query_string={"caller": caller}, headers=headers).text,
            json.dumps(call(web, "get_ticket_status", arguments, extra=headers)),
        ]
        assert all("It burns" in each and "verified" not in each for each in seen)
    assert "verified" not in json.dumps(call(web, "get_ticket_status", arguments, extra=BY_DESK))


@pytest.mark.parametrize("value", ["", "PIN", "pin,voice", "yes"])
def test_rejects_other_values(web: FlaskClient, caller: str, value: str) -> None:
    for response in (
        web.post("/tickets", json=NEW, headers=bound(caller, value)),
        web.get("/tickets", headers=bound(caller, value)),
    ):
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")
        assert "`X-Caller-Verified` must be none, number, pin or voice" in response.json["error"]
    assert web.get("/tickets", headers=bound(caller)).json["tickets"] == []


def test_rejects_a_verification_without_a_caller(web: FlaskClient, caller: str) -> None:
    path = create(web, bound(caller))
    headers = {"x-api-key": AGENT, "X-Caller-Verified": "pin"}
    for response in (
        web.post("/tickets", json={**NEW, "caller_id": caller}, headers=headers),
        web.post(f"{path}/comments", json=COMMENT, headers=headers),
    ):
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")
        assert "must be sent together with X-Caller-Id, which is missing" in response.json["error"]
    assert web.get(path, headers=BY_DESK).json["comments"] == []


def test_a_model_cannot_say_that_the_caller_was_verified(web: FlaskClient, caller: str) -> None:
    claim = {"caller_verified": "pin", "X-Caller-Verified": "pin"}
    headers = bound(caller)
    call(web, "create_ticket", {**NEW, **claim}, extra=headers)
    (ticket,) = web.get("/tickets", headers=headers).json["tickets"]
    path = f"/tickets/{ticket['ticket_id']}"
    response = web.post(f"{path}/comments", json={**COMMENT, **claim}, headers=headers)
    assert response.status_code == 200
    assert seen_by_desk(web, path) == (None, None)


def test_the_verification_survives_an_export_and_an_erasure(web: FlaskClient, caller: str) -> None:
    path = create(web, bound(caller, "voice"))
    comment(web, path, bound(caller, "pin"))
    ticket = path.removeprefix("/tickets/")
    item = item_of(ticket)
    assert from_line(to_line(item).rstrip(b"\n")) == item
    assert erasure.erase(ticket, {caller})
    assert seen_by_desk(web, path) == ("voice", "pin")
