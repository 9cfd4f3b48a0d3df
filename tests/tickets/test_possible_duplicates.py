"""Tests of the possible duplicates that tools return, on each DynamoDB engine."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app.api import optional_requests
from itsm_app.storage import items
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, Log
from ..support.faulty_dynamodb import FaultyDynamoDB, at, hang, refuse
from ..support.mcp_messages import call, text_content

pytestmark = pytest.mark.usefixtures("engine")

TEXT = "My laptop does not start anymore"
LONG = f"Laptop\ndoes\tnot start {'x' * 300}"


def store(caller: str, text: str = TEXT, second: int = 1, **fields: Any) -> str:
    at = f"2001-02-03T04:05:0{second}.000000Z"
    number = "1655-4297-1282" if fields.pop("numbered", False) else None
    ticket = Ticket(
        ticket_id=str(uuid4()),
        ticket_number=number,
        caller_id=caller,
        issue_description=text,
        created_at=at,
        updated_at=at,
        **fields,
    )
    assert items.put_new(ticket)
    return at


def create(client: FlaskClient, caller: str, text: str = TEXT, **fields: str) -> Any:
    """Create a ticket by the tool. Return the possible duplicates, or None without the field."""
    arguments = {"caller_id": caller, "issue_description": text, **fields}
    created = text_content(call(client, "create_ticket", arguments))
    assert created["ticket_number"]
    return created.get("possible_duplicates")


@pytest.mark.parametrize(
    ("stored", "new", "is_listed"),
    [
        (TEXT, TEXT, True),
        (TEXT, "MY LAPTOP DOSE NOT STRAT ANYMORE, my laptop does not start", True),
        (TEXT, "\uff2d\uff59 \uff4c\uff41\uff50\uff54\uff4f\uff50 does not start", True),
        ("Mein Konto ist gesperrt", "Mein Konto ist schon wieder gesperrt", True),
        ("Принтер не печатает", "Мой принтер не печатает", True),
        ("it is not", "It is not", True),
        (f"{TEXT}. {'My cat is fine. ' * 60}"[:1000], TEXT, True),
        ("Printer prints nothing", "Printer needs toner", False),
        ("VPN does not connect", "VPN token lost", False),
        ("VPN verbindet nicht", "VPN Token verloren", False),
        ("???", "???", False),
        ("???", TEXT, False),
    ],
)
def test_lists_a_ticket_with_similar_text(
    client: FlaskClient, caller: str, stored: str, new: str, is_listed: bool
) -> None:
    store(caller, stored)
    assert (create(client, caller, new) is not None) is is_listed


@pytest.mark.parametrize(
    ("fields", "is_listed"),
    [
        ({"status": "open"}, True),
        ({"status": "in_progress"}, True),
        ({"status": "resolved"}, False),
        ({"status": "closed"}, False),
        ({"status": "closed", "duplicate_of": "1655-4297-1282"}, False),
        ({"expires_at": 1}, False),
    ],
)
def test_lists_only_open_tickets(
    client: FlaskClient, caller: str, fields: dict[str, Any], is_listed: bool
) -> None:
    store(caller, **fields)
    assert (create(client, caller) is not None) is is_listed


@pytest.mark.parametrize("withheld", ["anonymous", "Unknown", "restricted"])
def test_lists_no_ticket_of_a_withheld_caller(client: FlaskClient, withheld: str) -> None:
    store(withheld.lower())
    assert create(client, withheld) is None


@pytest.mark.parametrize("is_bound", [False, True])
def test_lists_no_ticket_of_another_caller(
    client: FlaskClient, caller: str, is_bound: bool
) -> None:
    for other in (f"{caller}2", caller[:-1], caller.swapcase() + "x"):
        store(other)
    extra = {"X-Caller-Id": quote(caller, safe="")} if is_bound else {}
    arguments = {"caller_id": caller, "issue_description": TEXT}
    created = text_content(call(client, "create_ticket", arguments, extra=extra))
    assert "possible_duplicates" not in created


def test_lists_the_three_most_similar_tickets(client: FlaskClient, caller: str) -> None:
    texts = [TEXT, "Laptop does not start, screen black", LONG, TEXT, TEXT.upper()]
    times = [store(caller, text, second) for second, text in enumerate(texts)]
    found = create(client, caller)
    assert [each["created_at"] for each in found] == [times[4], times[3], times[0]]


def test_shows_what_the_caller_needs_to_recognise_the_ticket(
    client: FlaskClient, caller: str
) -> None:
    at = store(caller, LONG, numbered=True, status="in_progress")
    (found,) = create(client, caller, f"Laptop {'x' * 300}")
    assert found == {
        "ticket_number": "1655-4297-1282",
        "spoken_number": found["spoken_number"],
        "status": "in_progress",
        "issue_description": f"Laptop does not start {'x' * 177}\u2026",
        "created_at": at,
    }
    assert found["spoken_number"].startswith("1 6 5 5")


def test_replay_lists_them_too(client: FlaskClient, caller: str) -> None:
    store(caller)
    first = create(client, caller, idempotency_key="k")
    assert first is not None
    assert create(client, caller, idempotency_key="k") == first


@ON_MOTO
def test_route_makes_one_request_and_lists_none(
    client: FlaskClient, caller: str, faults: FaultyDynamoDB
) -> None:
    store(caller)
    faults.operations.clear()
    body = {"caller_id": caller, "issue_description": TEXT}
    assert "possible_duplicates" not in client.post("/tickets", json=body).json
    assert faults.operations == ["PutItem"]


@ON_MOTO
def test_tool_reads_one_page(client: FlaskClient, caller: str, faults: FaultyDynamoDB) -> None:
    for second in range(26):
        store(caller, f"{TEXT} {second}", second % 10)
    faults.operations.clear()
    assert len(create(client, caller)) == 3
    assert faults.operations == ["PutItem", "Query"]


@ON_MOTO
@pytest.mark.parametrize("fault", [refuse("InternalServerError", 500), refuse("AccessDenied")])
def test_failed_query_leaves_the_field_out(
    client: FlaskClient, caller: str, faults: FaultyDynamoDB, log: Log, fault: Any
) -> None:
    store(caller)
    faults.operations.clear()
    faults.faults.append(at("Query", fault))
    assert create(client, caller) is None
    assert faults.operations == ["PutItem", "Query"]
    (line,) = log.lines("duplicates_not_searched")
    assert line["cause"] in ("InternalServerError", "AccessDenied")
    assert TEXT not in str(line)
    assert caller not in str(line)


@ON_MOTO
@pytest.mark.exhaustive
def test_hanging_query_leaves_the_field_out(
    client: FlaskClient, caller: str, faults: FaultyDynamoDB, log: Log
) -> None:
    store(caller)
    faults.faults.append(at("Query", hang))
    assert create(client, caller) is None
    assert log.lines("request")[-1]["milliseconds"] < 2_200


@ON_MOTO
def test_late_request_sends_no_query(
    client: FlaskClient,
    caller: str,
    faults: FaultyDynamoDB,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optional_requests, "LAST_START_SECONDS", 0)
    store(caller)
    faults.operations.clear()
    assert create(client, caller) is None
    assert faults.operations == ["PutItem"]
    assert [each["cause"] for each in log.lines("duplicates_not_searched")] == ["late"]
