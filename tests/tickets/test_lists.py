"""The queue: what is to be done, for the desk."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app import config, create_app
from itsm_app.api import auth
from itsm_app.tickets.lifecycle import TRANSITIONS

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB


@pytest.fixture
def before(client: FlaskClient) -> set[str]:
    """The ids of tickets that other tests left."""
    return {each for status in TRANSITIONS for each in ids(client, status=status)}


def queue(client: FlaskClient, **query: Any) -> Any:
    response = client.get("/tickets", query_string=query)
    assert response.status_code == 200
    return response.json


def ids(client: FlaskClient, limit: int = 100, **query: Any) -> list[str]:
    """Return the ids on all pages, each found by the cursor of the one before."""
    found = []
    while True:
        answer = queue(client, limit=limit, **query)
        assert len(answer["tickets"]) <= limit
        found += [each["ticket_id"] for each in answer["tickets"]]
        if "next_cursor" not in answer:
            return found
        query["cursor"] = answer["next_cursor"]


def file(client: FlaskClient, caller: str, **change: str) -> str:
    new = {"caller_id": caller, "issue_description": "My printer is on fire"}
    ticket = str(client.post("/tickets", json=new).json["ticket_id"])
    client.patch(f"/tickets/{ticket}", json=change)
    return ticket


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_queue_shows_a_status_oldest_first_or_newest_first(
    client: FlaskClient, caller: str, before: set[str], limit: int
) -> None:
    filed = [file(client, f"{caller}{n}") for n in range(5)]
    file(client, caller, status="in_progress")
    assert [each for each in ids(client, limit, status="open") if each not in before] == filed
    newest = ids(client, limit, status="open", order="newest")
    assert [each for each in newest if each not in before] == filed[::-1]


def test_the_queue_shows_what_is_needed_and_nothing_that_was_said(
    client: FlaskClient, caller: str
) -> None:
    ticket = file(client, caller, priority="urgent", assignee="anna")
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    newest = queue(client, status="open", order="newest")["tickets"][0]
    whole = client.get(f"/tickets/{ticket}").json
    left_out = {"comments", "spoken_number"}
    assert newest == {name: value for name, value in whole.items() if name not in left_out}


def test_the_queue_may_be_of_one_priority_or_assignee(client: FlaskClient, caller: str) -> None:
    urgent = file(client, caller, priority="urgent")
    annas = file(client, caller, assignee=caller)
    both = file(client, caller, priority="urgent", assignee=caller)
    assert ids(client, status="open", assignee=caller) == [annas, both]
    assert ids(client, status="open", assignee=caller, priority="urgent") == [both]
    assert ids(client, status="open", assignee="nobody") == []
    assert ids(client, status="open", priority="urgent")[-2:] == [urgent, both]


@ON_MOTO
def test_a_page_of_the_queue_is_one_query(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    for _ in range(3):
        file(client, caller)
    faults.operations.clear()
    queue(client, status="open", limit=2, priority="normal", order="newest")
    assert faults.operations == ["Query"]


def test_a_cursor_is_of_one_queue(client: FlaskClient, caller: str) -> None:
    for _ in range(2):
        file(client, caller)
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
def test_what_cannot_be_asked_of_the_queue_is_named(client: FlaskClient, query: str) -> None:
    response = client.get(f"/tickets?status=open&{query}")
    assert response.status_code == 400
    assert f"`{query.partition('=')[0]}`" in response.json["error"]


@ON_MOTO
def test_only_the_desk_sees_the_queue(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (agent, entry), (desk, other) = auth.make("voice", "agent"), auth.make("anna", "desk")
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
