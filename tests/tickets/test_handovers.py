"""Tests of hand-overs: an agent asks for a person."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop, at

HANDOVER = {"reason": "asks for a person", "summary": "Rebooted twice", "contact_id": "c-1"}


def create(client: FlaskClient, caller: str, **fields: Any) -> Any:
    body = {"caller_id": caller, "issue_description": "My printer is on fire", **fields}
    return client.post("/tickets", json=body)


def comment(client: FlaskClient, ticket: str, **fields: Any) -> Any:
    return client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?", **fields})


def patch(client: FlaskClient, ticket: str, **changes: Any) -> Any:
    etag = client.get(f"/tickets/{ticket}").headers["ETag"]
    return client.patch(f"/tickets/{ticket}", json=changes, headers={"If-Match": etag})


def waiting(client: FlaskClient) -> list[str]:
    """Return the ids of all tickets that wait for a person, in the order of the list."""
    found: list[str] = []
    query: dict[str, Any] = {"handover": "waiting", "limit": 50}
    while True:
        page = client.get("/tickets", query_string=query).json
        found += [each["ticket_id"] for each in page["tickets"]]
        if "next_cursor" not in page:
            return found
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("handover", [HANDOVER, {}, {"reason": "upset"}])
def test_new_ticket_waits_for_a_person(
    client: FlaskClient, caller: str, handover: dict[str, str]
) -> None:
    created = create(client, caller, handover=handover).json
    assert created["handover"]["status"] == "waiting"
    assert created["handover"]["requested_at"] == created["created_at"]
    assert "service desk" in created["handover"]["tell_caller"]
    shown = client.get(f"/tickets/{created['ticket_id']}").json["handover"]
    at = created["created_at"]
    origin = {"requested_at": at, "requested_by": "local"}
    assert shown == {"status": "waiting", **origin, **handover}
    assert waiting(client)[-1] == created["ticket_id"]


def test_caller_sees_only_the_state_of_the_hand_over(client: FlaskClient, caller: str) -> None:
    created = create(client, caller, handover=HANDOVER).json
    shown = client.get(f"/tickets/{created['ticket_id']}", headers={"X-Caller-Id": caller}).json
    assert shown["handover"] == {"status": "waiting", "requested_at": created["created_at"]}


@pytest.mark.parametrize("status", ["open", "in_progress", "resolved"])
def test_comment_hands_the_caller_over(client: FlaskClient, ticket: str, status: str) -> None:
    patch(client, ticket, status=status)
    added = comment(client, ticket, handover=HANDOVER)
    assert added.status_code == 200
    assert added.json["handover"]["requested_at"] == added.json["updated_at"]
    shown = client.get(f"/tickets/{ticket}").json
    assert shown["status"] == ("open" if status == "open" else "in_progress")
    assert shown["handover"]["summary"] == "Rebooted twice"
    assert ticket in waiting(client)


def test_second_hand_over_keeps_the_waiting_time(client: FlaskClient, ticket: str) -> None:
    first = comment(client, ticket, handover=HANDOVER).json["handover"]
    second = comment(client, ticket, handover={"summary": "Calls again"}).json["handover"]
    assert second["requested_at"] == first["requested_at"]
    assert client.get(f"/tickets/{ticket}").json["handover"]["summary"] == "Calls again"
    assert waiting(client).count(ticket) == 1


def test_longest_wait_comes_first(client: FlaskClient, caller: str) -> None:
    tickets = [create(client, caller).json["ticket_id"] for _ in range(3)]
    for ticket in reversed(tickets):
        comment(client, ticket, handover={})
    assert [each for each in waiting(client) if each in tickets] == tickets[::-1]


@pytest.mark.parametrize(
    "change",
    [{"assignee": "anna"}, {"status": "in_progress"}, {"status": "resolved"}, {"status": "closed"}],
)
def test_taking_the_ticket_ends_the_wait(
    client: FlaskClient, caller: str, change: dict[str, str]
) -> None:
    ticket = create(client, caller, handover=HANDOVER).json["ticket_id"]
    assert patch(client, ticket, **change).status_code == 200
    assert ticket not in waiting(client)
    shown = client.get(f"/tickets/{ticket}?history=all").json
    assert shown["handover"]["status"] == "taken"
    event = shown["history"][-1]
    assert (event["field"], event["from"], event["to"]) == ("handover", "waiting", "taken")


def test_assignee_takes_their_own_ticket(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, assignee="anna")
    comment(client, ticket, handover=HANDOVER)
    assert patch(client, ticket, assignee="anna").json["handover"]["status"] == "taken"
    assert ticket not in waiting(client)


@pytest.mark.parametrize(
    "change", [{"priority": "urgent"}, {"comment": "We are on it"}, {"assignee": None}]
)
def test_other_changes_do_not_end_the_wait(
    client: FlaskClient, ticket: str, change: dict[str, Any]
) -> None:
    patch(client, ticket, assignee="anna")
    comment(client, ticket, handover=HANDOVER)
    assert patch(client, ticket, **change).json["handover"]["status"] == "waiting"
    assert ticket in waiting(client)


def test_repeated_requests_hand_over_once(client: FlaskClient, caller: str) -> None:
    key = str(uuid4())
    created = [create(client, caller, handover=HANDOVER, idempotency_key=key) for _ in range(2)]
    assert created[0].json == created[1].json
    ticket = created[0].json["ticket_id"]
    patch(client, ticket, assignee="anna")
    added = [comment(client, ticket, handover=HANDOVER, idempotency_key="k") for _ in range(2)]
    assert added[0].json == added[1].json
    assert len(Ticket.get(ticket).handovers) == 2


@pytest.mark.parametrize("handover", [None, {}, {"reason": "upset"}])
def test_key_with_another_hand_over_is_rejected(
    client: FlaskClient, caller: str, handover: Any
) -> None:
    key = str(uuid4())
    ticket = create(client, caller, handover=HANDOVER, idempotency_key=key).json["ticket_id"]
    comment(client, ticket, handover=HANDOVER, idempotency_key="k")
    fields = {"handover": handover} if handover is not None else {}
    for response in (
        create(client, caller, idempotency_key=key, **fields),
        comment(client, ticket, idempotency_key="k", **fields),
    ):
        assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")


@ON_MOTO
def test_hand_over_is_stored_once_if_responses_are_lost(
    client: FlaskClient, ticket: str, faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([apply, apply_and_drop, apply])
    assert comment(client, ticket, handover=HANDOVER).status_code == 200
    assert len(Ticket.get(ticket).handovers) == 1


@ON_MOTO
def test_hand_overs_that_are_stored_in_the_other_order_wait(
    client: FlaskClient, ticket: str, faults: FaultyDynamoDB
) -> None:
    path, body = f"/tickets/{ticket}/comments", {"comment": "Hello?", "handover": HANDOVER}

    def send_another_first(engine: FaultyDynamoDB) -> Any:
        assert client.post(path, json=body).status_code == 200
        return apply(engine)

    faults.faults.append(at("UpdateItem", send_another_first))
    assert client.post(path, json=body).status_code == 200
    shown = client.get(f"/tickets/{ticket}").json
    first, second = (each["requested_at"] for each in shown["handovers"])
    assert first > second
    assert (shown["handover"]["status"], shown["handover"]["requested_at"]) == ("waiting", first)


def test_closed_ticket_is_not_handed_over(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, status="closed")
    response = comment(client, ticket, handover=HANDOVER)
    assert (response.status_code, response.json["code"]) == (409, "ticket_closed")
    assert ticket not in waiting(client)


@pytest.mark.parametrize(
    ("handover", "field"),
    [
        ("yes", "handover"),
        ([], "handover"),
        ({"summary": "x" * 1001}, "handover.summary"),
        ({"reason": ""}, "handover.reason"),
        ({"contact_id": 5}, "handover.contact_id"),
    ],
)
def test_rejects_a_malformed_hand_over(
    client: FlaskClient, caller: str, ticket: str, handover: Any, field: str
) -> None:
    for response in (
        create(client, caller, handover=handover),
        comment(client, ticket, handover=handover),
    ):
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")
        assert response.json["error"].startswith(f"`{field}` must be")


def test_rejects_a_half_surrogate_pair_in_a_hand_over(client: FlaskClient, caller: str) -> None:
    body = '{"caller_id": "%s", "issue_description": "x", "handover": {"summary": "\\ud800"}}'
    response = client.post("/tickets", data=body % caller)
    assert response.status_code == 400


def test_only_the_desk_lists_hand_overs(client: FlaskClient, caller: str) -> None:
    create(client, caller, handover=HANDOVER)
    bound = client.get("/tickets?handover=waiting", headers={"X-Caller-Id": caller}).json
    assert [each["caller_id"] for each in bound["tickets"]] == [caller]
    assert client.get("/tickets?handover=taken").status_code == 400
