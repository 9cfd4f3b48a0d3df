"""Closed tickets end, and are then as if they had never been."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app import config, create_app
from itsm_app.config import InvalidSetting
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB
from ..support.flask_run import command
from .test_cursors import file_tickets, page, pages


@pytest.fixture(autouse=True)
def _thirty_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "RETENTION_DAYS", "30")


def set_end(ticket: str, seconds: float) -> None:
    """Let a ticket end so many seconds from now."""
    Ticket.connection().connection.client.update_item(
        TableName=Ticket.Meta.table_name,
        Key={"ticket_id": {"S": ticket}},
        UpdateExpression="SET expires_at = :end",
        ExpressionAttributeValues={":end": {"N": str(int(time.time() + seconds))}},
    )


@pytest.mark.parametrize("way", [["closed"], ["in_progress", "resolved", "closed"]])
def test_a_ticket_ends_so_many_days_after_it_was_closed(
    client: FlaskClient, ticket: str, way: list[str]
) -> None:
    for status in way:
        assert Ticket.get(ticket).expires_at is None
        closed = client.patch(f"/tickets/{ticket}", json={"status": status}).json
    end = datetime.fromisoformat(closed["updated_at"]).timestamp() + 30 * 24 * 3600
    assert Ticket.get(ticket).expires_at == int(end)


@ON_MOTO
def test_without_the_setting_it_never_does(
    client: FlaskClient, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "RETENTION_DAYS", "")
    client.patch(f"/tickets/{ticket}", json={"status": "closed"})
    assert Ticket.get(ticket).expires_at is None


@pytest.mark.parametrize("status", ["open", "resolved", "closed"])
def test_a_ticket_past_its_time_is_like_one_that_never_was(
    client: FlaskClient, caller: str, ticket: str, status: str
) -> None:
    client.patch(f"/tickets/{ticket}", json={"status": status})
    set_end(ticket, 60)
    assert client.get(f"/tickets/{ticket}").status_code == 200
    set_end(ticket, 0)
    for method, path, body in (
        ("GET", "", None),
        ("GET", f"?caller={caller.replace('+', '%2B')}", None),
        ("POST", "/comments", {"comment": "Hello?"}),
        ("PATCH", "", {"priority": "low"}),
        ("PATCH", "", {"comment": "Hello?"}),
        ("PATCH", "", {"status": status}),
    ):
        response = client.open(f"/tickets/{ticket}{path}", method=method, json=body)
        never = client.open(f"/tickets/{uuid4()}{path}", method=method, json=body)
        assert response.status_code == never.status_code == 404
        assert response.json | {"request_id": ""} == never.json | {"request_id": ""}
    assert page(client, caller) == {"tickets": []}
    assert page(client, caller, status=status) == {"tickets": []}
    queue = client.get(f"/tickets?status={status}&order=newest").json["tickets"]
    assert ticket not in [each["ticket_id"] for each in queue]
    found = Ticket.get(ticket)
    assert (found.comments, found.priority) == ([], "normal")
    found.delete()


def test_what_was_filed_under_a_key_is_filed_anew_once_it_is_over(
    client: FlaskClient, caller: str
) -> None:
    new = {"caller_id": caller, "issue_description": "No mail", "idempotency_key": "k"}
    first = client.post("/tickets", json=new)
    client.patch(f"/tickets/{first.json['ticket_id']}", json={"status": "closed"})
    assert client.post("/tickets", json=new).data == first.data
    set_end(first.json["ticket_id"], 0)
    again = client.post("/tickets", json=new | {"issue_description": "No mail again"})
    assert (again.status_code, again.json["status"]) == (201, "open")
    assert "Idempotency-Replayed" not in again.headers
    assert again.json["created_at"] > first.json["created_at"]
    (listed,) = page(client, caller)["tickets"]
    assert listed["issue_description"] == "No mail again"


@pytest.mark.parametrize("limit", [1, 3, 10])
@pytest.mark.parametrize("over", [range(5), range(7, 12), range(0, 12, 2), range(12)])
def test_pages_go_on_past_what_is_over(
    client: FlaskClient, caller: str, limit: int, over: range
) -> None:
    ids = file_tickets(caller, 12, status="closed")
    for n in over:
        set_end(ids[n], 0)
    left = [each for n, each in enumerate(ids) if n not in over]
    found = pages(client, caller, limit=limit)
    assert list(chain(*found)) == left
    # All but the last are full.
    assert all(len(each) == limit for each in found[:-1])


@ON_MOTO
def test_a_page_looks_at_no_more_than_a_hundred_that_are_over(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    file_tickets(caller, 120, status="closed", expires_at=1)
    (kept,) = file_tickets(caller, 1, at=900_000)
    faults.operations.clear()
    first = page(client, caller, limit=2)
    assert [each["ticket_id"] for each in first["tickets"]] == [kept]
    assert faults.operations == ["Query", "Query"]
    assert page(client, caller, limit=2, cursor=first["next_cursor"]) == {"tickets": []}


@ON_MOTO
@pytest.mark.parametrize("days", ["0", "-1", "1.5", "a month", "100000", "٣", " 7"])
def test_what_is_no_count_of_days_stops_the_start(
    engine: str, days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "RETENTION_DAYS", days)
    with pytest.raises(InvalidSetting, match="RETENTION_DAYS must be a whole number"):
        create_app()


def test_a_malformed_setting_is_said_without_a_traceback() -> None:
    result = command("run", RETENTION_DAYS="a month")
    assert result.returncode == 1
    assert "RETENTION_DAYS must be a whole number from 1 to 99999, or empty" in result.stderr
    assert "Traceback" not in result.stderr


@ON_MOTO
@pytest.mark.parametrize(
    ("steps", "answered", "resolved"),
    [
        ([{"assignee": "anna"}, {"status": "in_progress"}], None, None),
        ([{"priority": "low"}, {"comment": "Yes?"}, {"comment": "Well?"}], 1, None),
        ([{"status": "resolved"}, {"status": "closed", "comment": "Bye"}], 1, 0),
        ([{"status": "resolved"}, {"status": "in_progress"}, {"status": "resolved"}], None, 0),
        ([{"status": "closed"}], None, 0),
    ],
)
def test_a_ticket_knows_when_it_was_first_answered_and_resolved(
    client: FlaskClient, ticket: str, steps: list[Any], answered: int | None, resolved: int | None
) -> None:
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    times = [client.patch(f"/tickets/{ticket}", json=step).json["updated_at"] for step in steps]
    found = Ticket.get(ticket)
    assert found.answered_at == (None if answered is None else times[answered])
    assert found.resolved_at == (None if resolved is None else times[resolved])
