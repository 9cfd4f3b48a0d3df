"""Tests of idempotency keys, and of retries by the app after a lost DynamoDB response."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app.storage import items
from itsm_app.storage.models import Ticket
from itsm_app.tickets import numbers

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply_and_drop

KEY = "call-1 / Ω"


@pytest.fixture
def new(caller: str) -> dict[str, str]:
    return {"caller_id": caller, "issue_description": "No mail"}


def tickets_of(client: FlaskClient, caller: str) -> list[Any]:
    return list(client.get("/tickets", query_string={"caller": caller}).json["tickets"])


def store_ticket_with_number(number: str, caller: str) -> None:
    """Store a ticket of this caller under the number."""
    items.put_new(
        Ticket(
            ticket_id=numbers.ticket_id(number),
            caller_id=caller,
            issue_description="Somebody else's",
            created_at="2026-02-09T12:00:00.000001Z",
            updated_at="2026-02-09T12:00:00.000001Z",
        )
    )


def test_repeated_create_stores_one_ticket_and_replays_the_response(
    client: FlaskClient, caller: str, new: dict[str, str]
) -> None:
    first, *repeats = [
        client.post("/tickets", json={**new, "idempotency_key": KEY}) for _ in range(3)
    ]
    assert "Idempotency-Replayed" not in first.headers
    for repeat in repeats:
        assert (repeat.status_code, repeat.data) == (201, first.data)
        assert repeat.headers["Location"] == first.headers["Location"]
        assert repeat.headers["Idempotency-Replayed"] == "true"
    assert len(tickets_of(client, caller)) == 1


def test_create_replay_of_a_closed_ticket_says_so(client: FlaskClient, new: dict[str, str]) -> None:
    body = {**new, "idempotency_key": KEY}
    first = client.post("/tickets", json=body)
    ticket = Ticket.get(first.json["ticket_id"])
    ticket.update(actions=[Ticket.status.set("closed")])
    replay = client.post("/tickets", json=body).json
    assert replay == {**first.json, "current_status": "closed"}
    assert client.get(f"/tickets/{first.json['ticket_id']}").json["status"] == "closed"


def test_create_replay_of_an_open_ticket_has_no_current_status(
    client: FlaskClient, new: dict[str, str]
) -> None:
    body = {**new, "idempotency_key": KEY}
    first = client.post("/tickets", json=body)
    ticket = Ticket.get(first.json["ticket_id"])
    ticket.update(actions=[Ticket.status.set("resolved")])
    assert client.post("/tickets", json=body).data == first.data


def test_same_key_from_two_callers_creates_two_tickets(
    client: FlaskClient, caller: str, new: dict[str, str]
) -> None:
    for caller_id in (caller, f"{caller}9"):
        body = {**new, "caller_id": caller_id, "idempotency_key": KEY}
        assert client.post("/tickets", json=body).status_code == 201
        assert len(tickets_of(client, caller_id)) == 1


def test_two_creates_without_a_key_create_two_tickets(
    client: FlaskClient, caller: str, new: dict[str, str]
) -> None:
    for key in ({}, {"idempotency_key": None}):
        assert client.post("/tickets", json={**new, **key}).status_code == 201
    assert len(tickets_of(client, caller)) == 2


def test_rejects_a_create_that_reuses_a_key_with_another_description(
    client: FlaskClient, caller: str, new: dict[str, str]
) -> None:
    client.post("/tickets", json={**new, "idempotency_key": KEY})
    other = {**new, "issue_description": "No phone", "idempotency_key": KEY}
    response = client.post("/tickets", json=other)
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    (found,) = tickets_of(client, caller)
    assert found["issue_description"] == "No mail"


def test_accepts_the_key_in_the_header_the_body_or_both(
    client: FlaskClient, caller: str, new: dict[str, str]
) -> None:
    key, header = {"idempotency_key": "k"}, {"Idempotency-Key": "k"}
    responses = [
        client.post("/tickets", json=new, headers=header),
        client.post("/tickets", json={**new, **key}),
        client.post("/tickets", json={**new, **key}, headers=header),
    ]
    assert len({response.data for response in responses}) == 1
    assert len(tickets_of(client, caller)) == 1


@pytest.mark.parametrize(
    ("in_body", "in_header", "field"),
    [
        ("a", "b", "idempotency_key"),
        ("x" * 101, None, "idempotency_key"),
        (" ", None, "idempotency_key"),
        (1, None, "idempotency_key"),
        (None, "x" * 101, "idempotency_key"),
        (None, "\t", "idempotency_key"),
        (None, "\u00e9", "Idempotency-Key"),
    ],
)
def test_rejects_an_invalid_key_and_names_the_field(
    client: FlaskClient, new: dict[str, str], in_body: Any, in_header: str | None, field: str
) -> None:
    headers = {"Idempotency-Key": in_header} if in_header else {}
    response = client.post("/tickets", json={**new, "idempotency_key": in_body}, headers=headers)
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith(f"`{field}`")


def test_create_takes_the_next_number_if_another_ticket_has_the_number(
    client: FlaskClient, caller: str, new: dict[str, str]
) -> None:
    candidates = list(numbers.candidates(caller, KEY))
    for number in candidates[:2]:
        store_ticket_with_number(number, f"{caller}9")
    body = {**new, "idempotency_key": KEY}
    first, repeat = [client.post("/tickets", json=body) for _ in range(2)]
    assert first.json["ticket_number"] == numbers.written(candidates[2])
    assert repeat.data == first.data
    assert len(tickets_of(client, caller)) == 1


@ON_MOTO
def test_create_fails_if_all_candidate_numbers_are_taken(
    client: FlaskClient, caller: str, new: dict[str, str]
) -> None:
    for number in numbers.candidates(caller, KEY):
        store_ticket_with_number(number, f"{caller}9")
    response = client.post("/tickets", json={**new, "idempotency_key": KEY})
    assert (response.status_code, response.json["code"]) == (500, "storage_unavailable")
    assert tickets_of(client, caller) == []


@ON_MOTO
@pytest.mark.parametrize("key", [{}, {"idempotency_key": KEY}])
@pytest.mark.parametrize("lost", [1, 2])
def test_create_with_a_lost_dynamodb_response_stores_one_ticket(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    caller: str,
    new: dict[str, str],
    key: dict[str, str],
    lost: int,
) -> None:
    faults.faults.extend([apply_and_drop] * lost)
    response = client.post("/tickets", json={**new, **key})
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers
    (found,) = tickets_of(client, caller)
    assert found["ticket_id"] == response.json["ticket_id"]


def test_repeated_comment_is_stored_once_and_replays_the_response(
    client: FlaskClient, ticket: str
) -> None:
    path, body = f"/tickets/{ticket}/comments", {"comment": "Hello?", "idempotency_key": KEY}
    first = client.post(path, json=body)
    client.post(path, json={"comment": "Another"})
    repeat = client.post(path, json=body)
    assert (repeat.status_code, repeat.data) == (200, first.data)
    assert repeat.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    found = client.get(f"/tickets/{ticket}").json["comments"]
    assert [comment["comment_text"] for comment in found] == ["Hello?", "Another"]
    assert found[0]["comment_id"] == first.json["comment_id"]


def test_rejects_a_comment_that_reuses_a_key_with_another_text(
    client: FlaskClient, ticket: str
) -> None:
    path = f"/tickets/{ticket}/comments"
    client.post(path, json={"comment": "Hello?"}, headers={"Idempotency-Key": "k"})
    response = client.post(path, json={"comment": "Hi", "idempotency_key": "k"})
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 1


def test_same_comment_key_on_two_tickets_stores_two_comments(
    client: FlaskClient, new: dict[str, str]
) -> None:
    tickets = [client.post("/tickets", json=new).json["ticket_id"] for _ in range(2)]
    ids = {
        client.post(
            f"/tickets/{ticket}/comments", json={"comment": "Hello?", "idempotency_key": KEY}
        ).json["comment_id"]
        for ticket in tickets
    }
    assert len(ids) == 2


def test_repeated_comment_without_a_key_is_stored_twice(client: FlaskClient, ticket: str) -> None:
    for _ in range(2):
        client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 2


@ON_MOTO
@pytest.mark.parametrize("key", [{}, {"idempotency_key": KEY}])
@pytest.mark.parametrize("lost", [1, 2])
def test_comment_with_a_lost_dynamodb_response_is_stored_once(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str, key: dict[str, str], lost: int
) -> None:
    faults.faults.extend([apply_and_drop] * lost)
    response = client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?", **key})
    assert response.status_code == 200
    assert "Idempotency-Replayed" not in response.headers
    (found,) = client.get(f"/tickets/{ticket}").json["comments"]
    assert found["comment_id"] == response.json["comment_id"]
    assert found["added_at"] == response.json["updated_at"]


@ON_MOTO
def test_repeat_after_a_500_replays_a_write_that_dynamodb_had_applied(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, new: dict[str, str]
) -> None:
    body = {**new, "idempotency_key": KEY}
    faults.faults.extend([apply_and_drop] * 3)
    assert client.post("/tickets", json=body).status_code == 500
    repeat = client.post("/tickets", json=body)
    assert (repeat.status_code, repeat.headers["Idempotency-Replayed"]) == (201, "true")
    (found,) = tickets_of(client, caller)
    comment = {"comment": "Hello?", "idempotency_key": KEY}
    path = f"/tickets/{found['ticket_id']}/comments"
    faults.faults.extend([apply_and_drop] * 3)
    assert client.post(path, json=comment).status_code == 500
    assert client.post(path, json=comment).headers["Idempotency-Replayed"] == "true"
    assert len(tickets_of(client, caller)[0]["comments"]) == 1
