"""Tests of ticket retention: a closed ticket expires and is then hidden."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import chain, product
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app import config, create_app
from itsm_app.config import InvalidSetting
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.exhaustive import one_per_path
from ..support.faulty_dynamodb import FaultyDynamoDB
from ..support.flask_run import command
from .test_cursors import page, pages, store_tickets


@pytest.fixture(autouse=True)
def _retention_of_30_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "RETENTION_DAYS", "30")


def set_expiry(ticket: str, seconds: float) -> None:
    """Let a ticket expire in this many seconds from now."""
    Ticket.connection().connection.client.update_item(
        TableName=Ticket.Meta.table_name,
        Key={"ticket_id": {"S": ticket}},
        UpdateExpression="SET expires_at = :expires_at",
        ExpressionAttributeValues={":expires_at": {"N": str(int(time.time() + seconds))}},
    )


@pytest.mark.parametrize("statuses", [["closed"], ["in_progress", "resolved", "closed"]])
def test_ticket_expires_30_days_after_it_is_closed(
    client: FlaskClient, ticket: str, statuses: list[str]
) -> None:
    for status in statuses:
        assert Ticket.get(ticket).expires_at is None
        closed = client.patch(f"/tickets/{ticket}", json={"status": status}).json
    closed_at = datetime.fromisoformat(closed["updated_at"]).timestamp()
    assert Ticket.get(ticket).expires_at == int(closed_at + 30 * 24 * 3600)


@ON_MOTO
def test_closed_ticket_does_not_expire_without_the_setting(
    client: FlaskClient, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "RETENTION_DAYS", "")
    client.patch(f"/tickets/{ticket}", json={"status": "closed"})
    assert Ticket.get(ticket).expires_at is None


@pytest.mark.parametrize("status", ["open", "resolved", "closed"])
def test_expired_ticket_cannot_be_told_from_an_unknown_ticket(
    client: FlaskClient, caller: str, ticket: str, status: str
) -> None:
    client.patch(f"/tickets/{ticket}", json={"status": status})
    set_expiry(ticket, 60)
    assert client.get(f"/tickets/{ticket}").status_code == 200
    set_expiry(ticket, 0)
    for method, path, body in (
        ("GET", "", None),
        ("GET", f"?caller={caller.replace('+', '%2B')}", None),
        ("POST", "/comments", {"comment": "Hello?"}),
        ("PATCH", "", {"priority": "low"}),
        ("PATCH", "", {"comment": "Hello?"}),
        ("PATCH", "", {"status": status}),
    ):
        response = client.open(f"/tickets/{ticket}{path}", method=method, json=body)
        unknown = client.open(f"/tickets/{uuid4()}{path}", method=method, json=body)
        assert response.status_code == unknown.status_code == 404
        assert response.json | {"request_id": ""} == unknown.json | {"request_id": ""}
    assert page(client, caller) == {"tickets": []}
    assert page(client, caller, status=status) == {"tickets": []}
    queue = client.get(f"/tickets?status={status}&order=newest").json["tickets"]
    assert ticket not in [listed["ticket_id"] for listed in queue]
    found = Ticket.get(ticket)
    assert (found.comments, found.priority) == ([], "normal")
    found.delete()


def test_key_of_an_expired_ticket_creates_a_new_ticket(client: FlaskClient, caller: str) -> None:
    new = {"caller_id": caller, "issue_description": "No mail", "idempotency_key": "k"}
    first = client.post("/tickets", json=new)
    client.patch(f"/tickets/{first.json['ticket_id']}", json={"status": "closed"})
    replay = client.post("/tickets", json=new)
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert first.json.items() <= replay.json.items()
    set_expiry(first.json["ticket_id"], 0)
    second = client.post("/tickets", json=new | {"issue_description": "No mail again"})
    assert (second.status_code, second.json["status"]) == (201, "open")
    assert "Idempotency-Replayed" not in second.headers
    assert second.json["created_at"] > first.json["created_at"]
    (listed,) = page(client, caller)["tickets"]
    assert listed["issue_description"] == "No mail again"


EXPIRED = [range(5), range(7, 12), range(0, 12, 2), range(12)]


@pytest.mark.parametrize(
    ("expired", "limit"),
    one_per_path(
        product(EXPIRED, [1, 3, 10]),
        lambda case: case[0][::2] == range(0, 12, 2) and case[1] == 3,
    ),
)
def test_pages_skip_expired_tickets(
    client: FlaskClient, caller: str, limit: int, expired: range
) -> None:
    ids = store_tickets(caller, 12, status="closed")
    for n in expired:
        set_expiry(ids[n], 0)
    visible = [ticket_id for n, ticket_id in enumerate(ids) if n not in expired]
    found = pages(client, caller, limit=limit)
    assert list(chain(*found)) == visible
    # Every page but the last is full.
    assert all(len(ids_of_page) == limit for ids_of_page in found[:-1])


@ON_MOTO
def test_page_reads_at_most_100_expired_tickets(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    store_tickets(caller, 120, status="closed", expires_at=1)
    (kept,) = store_tickets(caller, 1, at=900_000)
    faults.operations.clear()
    first = page(client, caller, limit=2)
    assert [ticket["ticket_id"] for ticket in first["tickets"]] == [kept]
    assert faults.operations == ["Query", "Query"]
    assert page(client, caller, limit=2, cursor=first["next_cursor"]) == {"tickets": []}


@ON_MOTO
@pytest.mark.parametrize("days", ["0", "-1", "1.5", "a month", "100000", "٣", " 7"])
def test_startup_fails_on_an_invalid_retention_setting(
    engine: str, days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "RETENTION_DAYS", days)
    with pytest.raises(InvalidSetting, match="RETENTION_DAYS must be a whole number"):
        create_app()


@pytest.mark.exhaustive  # A malformed API_KEYS takes the same path: see tests/api/test_auth.py.
def test_flask_run_reports_an_invalid_setting_without_a_traceback() -> None:
    result = command("run", RETENTION_DAYS="a month")
    assert result.returncode == 1
    assert "RETENTION_DAYS must be a whole number from 1 to 99999, or empty" in result.stderr
    assert "Traceback" not in result.stderr


@ON_MOTO
@pytest.mark.parametrize(
    ("changes", "answered", "resolved"),
    [
        ([{"assignee": "anna"}, {"status": "in_progress"}], None, None),
        ([{"priority": "low"}, {"comment": "Yes?"}, {"comment": "Well?"}], 1, None),
        ([{"status": "resolved"}, {"status": "closed", "comment": "Bye"}], 1, 0),
        ([{"status": "resolved"}, {"status": "in_progress"}, {"status": "resolved"}], None, 0),
        ([{"status": "closed"}], None, 0),
    ],
)
def test_stores_the_times_of_the_first_answer_and_resolution(
    client: FlaskClient, ticket: str, changes: list[Any], answered: int | None, resolved: int | None
) -> None:
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    times = [
        client.patch(f"/tickets/{ticket}", json=change).json["updated_at"] for change in changes
    ]
    found = Ticket.get(ticket)
    assert found.answered_at == (None if answered is None else times[answered])
    assert found.resolved_at == (None if resolved is None else times[resolved])
