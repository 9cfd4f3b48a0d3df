"""Tests of closing duplicates, and of follow-ups."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket
from itsm_app.tickets.limits import MAX_BYTES_AFTER_CLOSING

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, refuse


def create(client: FlaskClient, caller: str, **fields: Any) -> Any:
    body = {"caller_id": caller, "issue_description": "My printer is on fire", **fields}
    return client.post("/tickets", json=body)


def patch(client: FlaskClient, ticket: str, **changes: Any) -> Any:
    return client.patch(f"/tickets/{ticket}", json=changes)


@pytest.fixture
def survivor(client: FlaskClient, caller: str) -> Any:
    return create(client, caller).json


def test_merging_closes_the_duplicate_and_links_both_tickets(
    client: FlaskClient, ticket: str, survivor: Any
) -> None:
    merged = patch(client, ticket, duplicate_of=survivor["ticket_number"])
    assert merged.status_code == 200
    assert (merged.json["status"], merged.json["duplicate_of"]) == (
        "closed",
        survivor["ticket_number"],
    )
    found = client.get(f"/tickets/{survivor['ticket_id']}").json
    assert found["duplicates"] == [merged.json["ticket_number"]]
    assert found["status"] == "open"


def test_comment_on_a_duplicate_is_rejected_with_the_number_of_the_survivor(
    client: FlaskClient, caller: str, ticket: str, survivor: Any
) -> None:
    patch(client, ticket, duplicate_of=survivor["ticket_id"])
    response = client.post(
        f"/tickets/{ticket}/comments", json={"comment": "Hello?"}, headers={"X-Caller-Id": caller}
    )
    assert (response.status_code, response.json["code"]) == (409, "ticket_closed")
    assert survivor["ticket_number"] in response.json["error"]
    shown = client.get(f"/tickets/{ticket}", headers={"X-Caller-Id": caller}).json
    assert shown["duplicate_of"] == survivor["ticket_number"]


def test_repeated_merge_changes_nothing(client: FlaskClient, ticket: str, survivor: Any) -> None:
    first = patch(client, ticket, duplicate_of=survivor["ticket_number"], idempotency_key="m")
    again = patch(client, ticket, duplicate_of=survivor["ticket_number"], idempotency_key="m")
    assert (first.status_code, again.status_code, again.json) == (200, 200, first.json)
    keyless = patch(client, ticket, duplicate_of=survivor["ticket_number"])
    assert (keyless.status_code, keyless.json) == (200, first.json)
    assert len(Ticket.get(survivor["ticket_id"]).duplicates) == 1


@pytest.mark.parametrize("wrong", ["itself", "another caller's", "closed", "unknown", "empty"])
def test_rejects_a_survivor_that_the_caller_cannot_use(
    client: FlaskClient, caller: str, ticket: str, survivor: Any, wrong: str
) -> None:
    reference = {
        "itself": ticket,
        "another caller's": create(client, f"{caller}9").json["ticket_number"],
        "closed": survivor["ticket_number"],
        "unknown": str(uuid4()),
        "empty": "",
    }[wrong]
    if wrong == "closed":
        patch(client, survivor["ticket_id"], status="closed")
    response = patch(client, ticket, duplicate_of=reference)
    assert response.status_code == (404 if wrong == "unknown" else 400)
    assert client.get(f"/tickets/{ticket}").json["status"] == "open"
    assert Ticket.get(survivor["ticket_id"]).duplicates is None


@ON_MOTO
def test_merge_that_fails_halfway_can_be_repeated(
    client: FlaskClient, ticket: str, survivor: Any, faults: FaultyDynamoDB
) -> None:
    # Three reads, the write to the survivor, and the write to the duplicate.
    faults.faults.extend([apply] * 4 + [refuse("AccessDeniedException")])
    failed = patch(client, ticket, duplicate_of=survivor["ticket_number"])
    assert failed.status_code == 500
    assert client.get(f"/tickets/{ticket}").json["status"] == "open"
    repeated = patch(client, ticket, duplicate_of=survivor["ticket_number"])
    assert (repeated.status_code, repeated.json["status"]) == (200, "closed")
    assert len(Ticket.get(survivor["ticket_id"]).duplicates) == 1


@ON_MOTO
@pytest.mark.parametrize("state", ["closed", "merged into the duplicate"])
def test_survivor_that_is_closed_during_the_merge_is_rejected(
    client: FlaskClient, ticket: str, survivor: Any, faults: FaultyDynamoDB, state: str
) -> None:
    def close_first(engine: FaultyDynamoDB) -> Any:
        change = {"status": "closed"} if state == "closed" else {"duplicate_of": ticket}
        assert patch(client, survivor["ticket_id"], **change).status_code == 200
        return apply(engine)

    # Three reads, the write to the survivor, and the write to the duplicate.
    faults.faults.extend([apply] * (3 if state == "closed" else 4) + [close_first])
    response = patch(client, ticket, duplicate_of=survivor["ticket_number"])
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "but it is closed" in response.json["error"]
    assert client.get(f"/tickets/{ticket}").json["status"] == "open"


def test_merge_that_has_no_room_for_its_comment_links_nothing(
    client: FlaskClient, ticket: str, survivor: Any
) -> None:
    Ticket.get(ticket).update([Ticket.content_bytes.set(MAX_BYTES_AFTER_CLOSING - 1000)])
    response = patch(client, ticket, duplicate_of=survivor["ticket_id"], comment="x" * 5000)
    assert (response.status_code, response.json["code"]) == (409, "ticket_full")
    assert Ticket.get(survivor["ticket_id"]).duplicates is None


@pytest.mark.parametrize("link", ["duplicate_of", "follow_up_of"])
def test_link_stores_no_size_at_a_ticket_of_an_earlier_release(
    client: FlaskClient, caller: str, ticket: str, survivor: Any, link: str
) -> None:
    Ticket.get(survivor["ticket_id"]).update([Ticket.content_bytes.remove()])
    if link == "duplicate_of":
        assert patch(client, ticket, duplicate_of=survivor["ticket_id"]).status_code == 200
    else:
        assert create(client, caller, follow_up_of=survivor["ticket_id"]).status_code == 201
    found = Ticket.get(survivor["ticket_id"])
    assert (found.content_bytes, found.revision) == (None, 2)


def test_key_with_another_follow_up_is_rejected(
    client: FlaskClient, caller: str, ticket: str, survivor: Any
) -> None:
    key = str(uuid4())
    fields = {"follow_up_of": survivor["ticket_number"], "idempotency_key": key}
    assert create(client, caller, **fields).status_code == 201
    response = create(client, caller, **fields | {"follow_up_of": ticket})
    assert response.json["code"] == "idempotency_key_reused"
    assert Ticket.get(ticket).follow_ups is None


def test_follow_up_links_both_tickets(client: FlaskClient, caller: str, survivor: Any) -> None:
    patch(client, survivor["ticket_id"], status="closed")
    key = str(uuid4())
    fields = {"follow_up_of": survivor["ticket_number"], "idempotency_key": key}
    created = [create(client, caller, **fields).json for _ in range(2)]
    assert created[0] == created[1]
    found = client.get(f"/tickets/{created[0]['ticket_id']}").json
    assert found["follow_up_of"] == survivor["ticket_number"]
    original = client.get(f"/tickets/{survivor['ticket_id']}").json
    assert original["follow_ups"] == [created[0]["ticket_number"]]


@ON_MOTO
def test_repeated_follow_up_completes_the_link(
    client: FlaskClient, caller: str, survivor: Any, faults: FaultyDynamoDB
) -> None:
    fields = {"follow_up_of": survivor["ticket_number"], "idempotency_key": str(uuid4())}
    faults.faults.extend([apply, apply, refuse("AccessDeniedException")])
    assert create(client, caller, **fields).status_code == 500
    assert Ticket.get(survivor["ticket_id"]).follow_ups is None
    created = create(client, caller, **fields).json
    assert Ticket.get(survivor["ticket_id"]).follow_ups == {created["ticket_number"]}


def test_follow_up_of_another_callers_ticket_is_rejected(
    client: FlaskClient, caller: str, survivor: Any
) -> None:
    response = create(client, f"{caller}9", follow_up_of=survivor["ticket_number"])
    assert (response.status_code, response.json["code"]) == (404, "ticket_not_found")
