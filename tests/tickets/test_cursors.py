"""Tests of list pages and cursors."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from itsm_app.storage import items
from itsm_app.storage.models import Ticket
from itsm_app.tickets import cursors, lists, numbers, places

from ..conftest import ON_DYNAMODB_LOCAL, ON_MOTO
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB


def store_tickets(caller: str, count: int, at: int = 0, **attributes: Any) -> list[str]:
    """Store `count` tickets, one per microsecond from `at` on; return their ids, newest first."""
    microseconds = range(at, at + count)
    for n in microseconds:
        created_at = f"2026-02-09T12:20:25.{n:06}Z"
        times: dict[str, Any] = {"created_at": created_at, "updated_at": created_at}
        ticket = Ticket(
            ticket_id=f"{n}-{caller}",
            caller_id=caller,
            issue_description="x",
            **times,
            **attributes,
        )
        places.set_place(ticket)
        items.put_new(ticket)
    return [f"{n}-{caller}" for n in reversed(microseconds)]


def page(client: FlaskClient, caller: str, **query: Any) -> Any:
    response = client.get("/tickets", query_string={"caller": caller, **query})
    assert response.status_code == 200
    return response.json


def pages(client: FlaskClient, caller: str, **query: Any) -> list[list[str]]:
    """Follow the cursors and return the ticket ids of every page."""
    found = []
    while True:
        body = page(client, caller, **query)
        found.append([ticket["ticket_id"] for ticket in body["tickets"]])
        if "next_cursor" not in body:
            return found
        query["cursor"] = body["next_cursor"]


@pytest.mark.parametrize(
    ("count", "limit", "lengths"),
    [
        (0, 10, [0]),
        (9, 10, [9]),
        (10, 10, [10]),
        (11, 10, [10, 1]),
        (5, 1, [1, 1, 1, 1, 1]),
        exhaustive((101, 100, [100, 1])),
    ],
)
def test_pages_contain_every_ticket_once_in_order(
    client: FlaskClient, caller: str, count: int, limit: int, lengths: list[int]
) -> None:
    ids = store_tickets(caller, count)
    found = pages(client, caller, limit=limit)
    assert [len(ids_of_page) for ids_of_page in found] == lengths
    assert list(chain(*found)) == ids


def test_cursor_continues_at_its_place_after_a_new_ticket(client: FlaskClient, caller: str) -> None:
    ids = store_tickets(caller, 5)
    first = page(client, caller, limit=2)
    client.post("/tickets", json={"caller_id": caller, "issue_description": "Meanwhile"})
    rest = pages(client, caller, limit=2, cursor=first["next_cursor"])
    assert [ticket["ticket_id"] for ticket in first["tickets"]] + list(chain(*rest)) == ids


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "ten", ""])
def test_rejects_a_limit_that_is_not_a_whole_number_from_1_to_100(
    client: FlaskClient, limit: str
) -> None:
    response = client.get(f"/tickets?caller=x&limit={limit}")
    assert response.status_code == 400
    assert response.json["error"].startswith("`limit` must be a whole number from 1 to 100, but it")


def test_rejects_altered_cursors_and_cursors_of_another_caller(
    client: FlaskClient, caller: str
) -> None:
    store_tickets(caller, 2)
    cursor = page(client, caller, limit=1)["next_cursor"]
    altered = [
        cursor[:n] + ("B" if cursor[n] == "A" else "A") + cursor[n + 1 :] for n in (0, 14, 40)
    ]
    invalid = [*altered, cursor[:-4], cursor + "AAAA", "x", "\u00e9", " "]
    for caller_id, sent in [*((caller, value) for value in invalid), (f"{caller}9", cursor)]:
        response = client.get(f"/tickets?caller={quote(caller_id)}&cursor={quote(sent)}")
        assert response.status_code == 400
        assert response.json["error"].startswith("`cursor` must be the unchanged next_cursor")


@ON_MOTO
@pytest.mark.parametrize(
    "position",
    [
        b"",
        b"\0",
        b"x",
        b"x\0",
        b"\0x",
        b"x\0x\0x",
        b"\xff\0x",
        b"x\0" + b"x" * 2049,
        b"x" * 1025 + b"\0x",
    ],
    ids=lambda position: repr(position[:8]),
)
def test_rejects_a_forged_cursor_without_a_dynamodb_request(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, position: bytes
) -> None:
    content = "\0".join(["caller_id", caller, "", "newest", ""]).encode() + position
    checksum = hashlib.sha256(content).digest()[: cursors.CHECK_BYTES]
    cursor = urlsafe_b64encode(checksum + position).decode()
    response = client.get("/tickets", query_string={"caller": caller, "cursor": cursor})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith("`cursor` must be the unchanged next_cursor")
    assert faults.operations == []


def test_rejects_a_cursor_with_characters_outside_base64(client: FlaskClient, caller: str) -> None:
    store_tickets(caller, 2)
    cursor = page(client, caller, limit=1)["next_cursor"]
    for altered in (f"{cursor[:4]} {cursor[4:]}", f"{cursor}\n", f"!{cursor}"):
        response = client.get("/tickets", query_string={"caller": caller, "cursor": altered})
        assert response.status_code == 400


@ON_MOTO
def test_page_is_one_query(client: FlaskClient, faults: FaultyDynamoDB, caller: str) -> None:
    store_tickets(caller, 12)
    faults.operations.clear()
    assert len(page(client, caller)["tickets"]) == 10
    assert faults.operations == ["Query"]
    # The eleventh ticket shows that there is a next page.
    assert faults.bodies[-1]["Limit"] == 11


# moto needs longer for this much data than the app's read timeout.
@ON_DYNAMODB_LOCAL
def test_page_ends_before_the_response_size_limit(client: FlaskClient, caller: str) -> None:
    """The character U+0001 takes 1 byte in DynamoDB and 6 bytes in JSON."""
    text = "\u0001" * 1000
    comment = {"comment_text": text, "added_at": "2026-02-09T12:20:25.343883Z"}
    ids = store_tickets(caller, 20, comments=[comment] * 48)
    first = client.get("/tickets", query_string={"caller": caller, "limit": 100})
    assert 2_500_000 < len(first.data) < 2_900_000
    assert "next_cursor" in first.json
    assert list(chain(*pages(client, caller, limit=100))) == ids


def test_ticket_larger_than_the_page_limit_gets_a_page_of_its_own(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = store_tickets(caller, 3)
    monkeypatch.setattr(lists, "MAX_PAGE_BYTES", 1)
    assert pages(client, caller) == [[ticket_id] for ticket_id in ids]


def test_page_can_have_exactly_the_page_limit(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = store_tickets(caller, 3)
    monkeypatch.setattr(lists, "MAX_PAGE_BYTES", 2 * Ticket.get(ids[0]).content_bytes)
    assert pages(client, caller) == [ids[:2], ids[2:]]


def test_number_of_a_listed_ticket_maps_to_its_id(client: FlaskClient, caller: str) -> None:
    client.post("/tickets", json={"caller_id": caller, "issue_description": "No mail"})
    (found,) = page(client, caller)["tickets"]
    assert numbers.to_ticket_id(found["ticket_number"]) == found["ticket_id"]
