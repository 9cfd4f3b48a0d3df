"""The queue: what is to be done, for the desk."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app import config, create_app, keys

from .conftest import ON_MOTO
from .faulty_dynamodb import FaultyDynamoDB


@pytest.fixture
def status(client: FlaskClient) -> str:
    """A status that no other test's tickets have at its end."""
    for each in ("open", "in_progress", "resolved"):
        for ticket in chain(*pages(client, status=each, limit=100)):
            client.patch(f"/tickets/{ticket}", json={"status": "closed"})
    return "open"


def queue(client: FlaskClient, **query: Any) -> Any:
    response = client.get("/tickets", query_string=query)
    assert response.status_code == 200
    return response.json


def pages(client: FlaskClient, **query: Any) -> list[list[str]]:
    """Return the ids on all pages, each found by the cursor of the one before."""
    found = []
    while True:
        answer = queue(client, **query)
        found.append([each["ticket_id"] for each in answer["tickets"]])
        if "next_cursor" not in answer:
            return found
        query["cursor"] = answer["next_cursor"]


def file(client: FlaskClient, caller: str, **change: str) -> str:
    new = {"caller_id": caller, "issue_description": "My printer is on fire"}
    ticket = str(client.post("/tickets", json=new).json["ticket_id"])
    client.patch(f"/tickets/{ticket}", json=change)
    return ticket


def test_the_queue_shows_a_status_oldest_first_or_newest_first(
    client: FlaskClient, caller: str, status: str
) -> None:
    ids = [file(client, f"{caller}{n}") for n in range(5)]
    file(client, caller, status="in_progress")
    assert pages(client, status=status) == [ids]
    assert pages(client, status=status, order="newest", limit=2) == [
        ids[:2:-1],
        ids[2:0:-1],
        ids[:1],
    ]


def test_the_queue_shows_what_is_needed_and_nothing_that_was_said(
    client: FlaskClient, caller: str, status: str
) -> None:
    ticket = file(client, caller, priority="urgent", assignee="anna")
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    (found,) = queue(client, status=status)["tickets"]
    whole = client.get(f"/tickets/{ticket}").json
    left_out = {"comments", "spoken_number"}
    assert found == {name: value for name, value in whole.items() if name not in left_out}


def test_the_queue_may_be_of_one_priority_or_assignee(
    client: FlaskClient, caller: str, status: str
) -> None:
    urgent = file(client, caller, priority="urgent")
    annas = file(client, caller, assignee="anna")
    both = file(client, caller, priority="urgent", assignee="anna")
    assert pages(client, status=status, priority="urgent") == [[urgent, both]]
    assert pages(client, status=status, assignee="anna") == [[annas, both]]
    assert pages(client, status=status, assignee="anna", priority="urgent") == [[both]]
    assert pages(client, status=status, assignee="bert") == [[]]


@ON_MOTO
def test_a_page_of_the_queue_is_one_query(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, status: str
) -> None:
    for _ in range(3):
        file(client, caller)
    faults.operations.clear()
    queue(client, status=status, limit=2, priority="normal")
    assert faults.operations == ["Query"]


def test_a_cursor_is_of_one_queue(client: FlaskClient, caller: str, status: str) -> None:
    for _ in range(2):
        file(client, caller)
    cursor = queue(client, status=status, limit=1)["next_cursor"]
    for query in (
        {"status": "closed"},
        {"status": status, "order": "newest"},
        {"status": status, "priority": "normal"},
        {"status": status, "caller": caller},
    ):
        response = client.get("/tickets", query_string={**query, "cursor": cursor})
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")


@pytest.mark.parametrize("query", ["order=x", "priority=x", "assignee=", "limit=0", "cursor=x"])
def test_what_cannot_be_asked_of_the_queue_is_named(client: FlaskClient, query: str) -> None:
    response = client.get(f"/tickets?status=open&{query}")
    assert response.status_code == 400
    assert f"`{query.partition('=')[0]}`" in response.json["error"]


@ON_MOTO
def test_only_the_desk_sees_the_queue(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (agent, entry), (desk, other) = keys.make("voice", "agent"), keys.make("anna", "desk")
    monkeypatch.setattr(config, "API_KEYS", f"{entry},{other}")
    client = create_app().test_client()
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
