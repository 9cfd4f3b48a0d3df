"""Tests of internal notes: only the desk sees them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket
from itsm_app.tickets import limits

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop
from ..support.mcp_messages import call

NOTE = "The caller sounds drunk"


def patch(client: FlaskClient, ticket: str, **changes: Any) -> Any:
    return client.patch(f"/tickets/{ticket}", json=changes)


def add_note(client: FlaskClient, ticket: str, **changes: Any) -> Any:
    return patch(client, ticket, comment=NOTE, visibility="internal", **changes)


def test_desk_gets_notes_among_the_comments(client: FlaskClient, ticket: str) -> None:
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    patch(client, ticket, comment="We are on it")
    changed = add_note(client, ticket)
    assert changed.status_code == 200
    shown = client.get(f"/tickets/{ticket}").json
    assert shown == changed.json
    assert [(each["comment_text"], each.get("visibility")) for each in shown["comments"]] == [
        ("Hello?", None),
        ("We are on it", "public"),
        (NOTE, "internal"),
    ]
    latest = client.get(f"/tickets/{ticket}?comments=latest").json["comments"]
    assert [each["comment_text"] for each in latest] == [NOTE]


def test_caller_sees_no_trace_of_a_note(client: FlaskClient, caller: str, ticket: str) -> None:
    bound = {"X-Caller-Id": caller}

    def seen() -> list[Any]:
        responses = [
            client.get(path, headers=bound)
            for path in (
                f"/tickets/{ticket}",
                f"/tickets/{ticket}?comments=latest",
                f"/tickets/{ticket}?history=all",
                "/tickets",
            )
        ]
        return [
            *((each.data, each.headers.get("ETag")) for each in responses),
            call(client, "get_ticket_status", {"ticket_id": ticket}),
            call(client, "list_recent_tickets", {"caller": caller}),
        ]

    before = seen()
    assert add_note(client, ticket, idempotency_key="n1").status_code == 200
    replayed = client.patch(
        f"/tickets/{ticket}",
        json={"comment": NOTE, "visibility": "internal", "idempotency_key": "n1"},
        headers=bound,
    )
    assert replayed.status_code == 200
    assert NOTE not in replayed.text
    assert seen() == before


def test_note_changes_the_version_of_the_desk_only(client: FlaskClient, ticket: str) -> None:
    before = client.get(f"/tickets/{ticket}")
    after = add_note(client, ticket)
    assert after.headers["ETag"] != before.headers["ETag"]
    assert after.json["updated_at"] == before.json["updated_at"]
    headers = {"If-Match": before.headers["ETag"]}
    outdated = client.patch(f"/tickets/{ticket}", json={"priority": "high"}, headers=headers)
    assert outdated.status_code == 412


def test_bound_request_changes_the_version_that_it_read(
    client: FlaskClient, caller: str, ticket: str
) -> None:
    add_note(client, ticket)
    bound = {"X-Caller-Id": caller}
    etag = client.get(f"/tickets/{ticket}", headers=bound).headers["ETag"]
    change = {"priority": "high"}
    headers = {**bound, "If-Match": etag}
    assert client.patch(f"/tickets/{ticket}", json=change, headers=headers).status_code == 200
    assert client.patch(f"/tickets/{ticket}", json=change, headers=headers).status_code == 200
    headers["If-Match"] = client.get(f"/tickets/{ticket}").headers["ETag"]
    refused = client.patch(f"/tickets/{ticket}", json={"priority": "low"}, headers=headers)
    assert refused.status_code == 412


def test_note_with_a_change_is_one_write(client: FlaskClient, ticket: str) -> None:
    before = client.get(f"/tickets/{ticket}").json
    changed = add_note(client, ticket, priority="high").json
    assert changed["updated_at"] > before["updated_at"]
    assert (changed["priority"], changed["comments"][0]["visibility"]) == ("high", "internal")


def test_only_public_answers_count_as_the_first_answer(client: FlaskClient, ticket: str) -> None:
    add_note(client, ticket)
    assert Ticket.get(ticket).answered_at is None
    patch(client, ticket, comment="We are on it")
    assert Ticket.get(ticket).answered_at


def test_repeated_note_is_added_once(client: FlaskClient, ticket: str) -> None:
    for _ in range(2):
        assert add_note(client, ticket, idempotency_key="n1").status_code == 200
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 1
    public = patch(client, ticket, comment=NOTE, idempotency_key="n1")
    assert (public.status_code, public.json["code"]) == (409, "idempotency_key_reused")


@ON_MOTO
def test_note_is_added_once_if_the_response_of_dynamodb_is_lost(
    client: FlaskClient, ticket: str, faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([apply, apply_and_drop])
    assert add_note(client, ticket).status_code == 200
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 1


def test_notes_count_towards_the_size_of_the_ticket(
    client: FlaskClient, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES_AFTER_CHANGE", 25_000)
    long = {"comment": "x" * 10_000, "visibility": "internal"}
    assert [patch(client, ticket, **long).status_code for _ in range(3)] == [200, 200, 409]


@pytest.mark.parametrize("visibility", ["", "private", 1])
def test_rejects_an_unknown_visibility(client: FlaskClient, ticket: str, visibility: Any) -> None:
    response = patch(client, ticket, comment=NOTE, visibility=visibility)
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "visibility" in response.json["error"]
    assert client.get(f"/tickets/{ticket}").json["comments"] == []


def test_desk_comment_has_10000_characters_at_most(client: FlaskClient, ticket: str) -> None:
    assert patch(client, ticket, comment="x" * 10_000).status_code == 200
    assert patch(client, ticket, comment="x" * 10_001).status_code == 400
    callers = client.post(f"/tickets/{ticket}/comments", json={"comment": "x" * 1001})
    assert callers.status_code == 400
