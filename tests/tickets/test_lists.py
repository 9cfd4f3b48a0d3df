"""Tests of the queue: the desk's list of tickets by status."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.api import auth
from itsm_app.tickets.lifecycle import TRANSITIONS
from tests.support.keyless import keyless_app

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB


@pytest.fixture
def earlier_tickets(client: FlaskClient) -> set[str]:
    """Return the ids of the tickets that other tests have created."""
    return {ticket_id for status in TRANSITIONS for ticket_id in ids(client, status=status)}


def queue(client: FlaskClient, **query: Any) -> Any:
    response = client.get("/tickets", query_string=query)
    assert response.status_code == 200
    return response.json


def ids(client: FlaskClient, limit: int = 100, **query: Any) -> list[str]:
    """Follow the cursors and return the ticket ids of all pages."""
    found = []
    while True:
        body = queue(client, limit=limit, **query)
        assert len(body["tickets"]) <= limit
        found += [ticket["ticket_id"] for ticket in body["tickets"]]
        if "next_cursor" not in body:
            return found
        query["cursor"] = body["next_cursor"]


def create_ticket(client: FlaskClient, caller: str, **change: str) -> str:
    new = {"caller_id": caller, "issue_description": "My printer is on fire"}
    ticket = str(client.post("/tickets", json=new).json["ticket_id"])
    client.patch(f"/tickets/{ticket}", json=change)
    return ticket


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_queue_lists_a_status_oldest_first_or_newest_first(
    client: FlaskClient, caller: str, earlier_tickets: set[str], limit: int
) -> None:
    created = [create_ticket(client, f"{caller}{n}") for n in range(5)]
    create_ticket(client, caller, status="in_progress")
    oldest = ids(client, limit, status="open")
    assert [ticket_id for ticket_id in oldest if ticket_id not in earlier_tickets] == created
    newest = ids(client, limit, status="open", order="newest")
    assert [ticket_id for ticket_id in newest if ticket_id not in earlier_tickets] == created[::-1]


def test_queue_returns_the_ticket_fields_without_comments(client: FlaskClient, caller: str) -> None:
    ticket = create_ticket(client, caller, priority="urgent", assignee="anna")
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    newest = queue(client, status="open", order="newest")["tickets"][0]
    whole = client.get(f"/tickets/{ticket}").json
    left_out = {"comments", "spoken_number"}
    assert newest == {name: value for name, value in whole.items() if name not in left_out}


def test_queue_filters_by_priority_and_assignee(client: FlaskClient, caller: str) -> None:
    urgent = create_ticket(client, caller, priority="urgent")
    assigned = create_ticket(client, caller, assignee=caller)
    both = create_ticket(client, caller, priority="urgent", assignee=caller)
    assert ids(client, status="open", assignee=caller) == [assigned, both]
    assert ids(client, status="open", assignee=caller, priority="urgent") == [both]
    assert ids(client, status="open", assignee="nobody") == []
    assert ids(client, status="open", priority="urgent")[-2:] == [urgent, both]


@ON_MOTO
def test_queue_page_is_one_query(client: FlaskClient, faults: FaultyDynamoDB, caller: str) -> None:
    for _ in range(3):
        create_ticket(client, caller)
    faults.operations.clear()
    queue(client, status="open", limit=2, priority="normal", order="newest")
    assert faults.operations == ["Query"]


def test_rejects_a_cursor_of_another_queue(client: FlaskClient, caller: str) -> None:
    for _ in range(2):
        create_ticket(client, caller)
    cursor = queue(client, status="open", limit=1)["next_cursor"]
    for query in (
        {"status": "closed"},
        {"status": "open", "order": "newest"},
        {"status": "open", "priority": "normal"},
        {"status": "open", "caller": caller},
    ):
        response = client.get("/tickets", query_string={**query, "cursor": cursor})
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")


@pytest.mark.parametrize("query", ["order=x", "priority=x", "assignee=", "limit=0", "cursor=x"])
def test_rejects_invalid_queue_parameters_and_names_them(client: FlaskClient, query: str) -> None:
    response = client.get(f"/tickets?status=open&{query}")
    assert response.status_code == 400
    assert f"`{query.partition('=')[0]}`" in response.json["error"]


@ON_MOTO
def test_only_a_desk_key_can_list_the_queue(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (agent, entry), (desk, other) = auth.make("voice", "agent"), auth.make("anna", "desk")
    monkeypatch.setattr(config, "API_KEYS", f"{entry},{other}")
    client = keyless_app().test_client()
    for headers, status in (
        ({"x-api-key": desk}, 200),
        ({"x-api-key": agent}, 400),
        ({"x-api-key": agent, "X-Caller-Id": "nobody"}, 200),
        ({"x-api-key": desk, "X-Caller-Id": "nobody"}, 200),
    ):
        response = client.get("/tickets?status=open", headers=headers)
        assert response.status_code == status
        if "X-Caller-Id" in headers:
            assert response.json == {"tickets": []}
