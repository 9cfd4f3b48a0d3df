"""Lists, page by page."""

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
from itsm_app.tickets import cursors, lists, numbers

from ..conftest import ON_DYNAMODB_LOCAL, ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB


def file_tickets(caller: str, count: int, at: int = 0, **more: Any) -> list[str]:
    """File `count` tickets, from microsecond `at` on, and return their ids, newest first."""
    microseconds = range(at, at + count)
    for n in microseconds:
        created_at = f"2026-02-09T12:20:25.{n:06}Z"
        times: dict[str, Any] = {"created_at": created_at, "updated_at": created_at}
        new = Ticket(
            ticket_id=f"{n}-{caller}", caller_id=caller, issue_description="x", **times, **more
        )
        items.put_new(new)
    return [f"{n}-{caller}" for n in reversed(microseconds)]


def page(client: FlaskClient, caller: str, **query: Any) -> Any:
    response = client.get("/tickets", query_string={"caller": caller, **query})
    assert response.status_code == 200
    return response.json


def pages(client: FlaskClient, caller: str, **query: Any) -> list[list[str]]:
    """Return the ids on all pages, each found by the cursor of the one before."""
    found = []
    while True:
        answer = page(client, caller, **query)
        found.append([each["ticket_id"] for each in answer["tickets"]])
        if "next_cursor" not in answer:
            return found
        query["cursor"] = answer["next_cursor"]


@pytest.mark.parametrize(
    ("count", "limit", "lengths"),
    [
        (0, 10, [0]),
        (9, 10, [9]),
        (10, 10, [10]),
        (11, 10, [10, 1]),
        (5, 1, [1, 1, 1, 1, 1]),
        (101, 100, [100, 1]),
    ],
)
def test_every_ticket_comes_once_in_order_and_no_page_is_empty(
    client: FlaskClient, caller: str, count: int, limit: int, lengths: list[int]
) -> None:
    ids = file_tickets(caller, count)
    found = pages(client, caller, limit=limit)
    assert [len(each) for each in found] == lengths
    assert list(chain(*found)) == ids


def test_the_pages_go_on_where_they_were_while_others_are_filed(
    client: FlaskClient, caller: str
) -> None:
    ids = file_tickets(caller, 5)
    first = page(client, caller, limit=2)
    client.post("/tickets", json={"caller_id": caller, "issue_description": "Meanwhile"})
    rest = pages(client, caller, limit=2, cursor=first["next_cursor"])
    assert [each["ticket_id"] for each in first["tickets"]] + list(chain(*rest)) == ids


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "ten", ""])
def test_a_limit_is_a_whole_number_from_1_to_100(client: FlaskClient, limit: str) -> None:
    response = client.get(f"/tickets?caller=x&limit={limit}")
    assert response.status_code == 400
    assert response.json["error"].startswith("`limit` must be a whole number from 1 to 100, but it")


def test_a_cursor_is_of_one_caller_and_of_no_use_when_altered(
    client: FlaskClient, caller: str
) -> None:
    file_tickets(caller, 2)
    cursor = page(client, caller, limit=1)["next_cursor"]
    altered = [
        cursor[:n] + ("B" if cursor[n] == "A" else "A") + cursor[n + 1 :] for n in (0, 14, 40)
    ]
    bad = [(caller, each) for each in [*altered, cursor[:-4], cursor + "AAAA", "x", "\u00e9", " "]]
    for whose, each in [*bad, (f"{caller}9", cursor)]:
        response = client.get(f"/tickets?caller={quote(whose)}&cursor={quote(each)}")
        assert response.status_code == 400
        assert response.json["error"].startswith("`cursor` must be the next_cursor")


@ON_MOTO
@pytest.mark.parametrize(
    "place",
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
    ids=lambda place: repr(place[:8]),
)
def test_a_cursor_made_up_by_the_algorithm_is_refused_at_no_cost(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, place: bytes
) -> None:
    signed = "\0".join(["caller_id", caller, "", "newest", ""]).encode() + place
    check = hashlib.sha256(signed).digest()[: cursors.CHECK_BYTES]
    cursor = urlsafe_b64encode(check + place).decode()
    response = client.get("/tickets", query_string={"caller": caller, "cursor": cursor})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith("`cursor` must be the next_cursor")
    assert faults.operations == []


def test_what_a_cursor_is_not_made_of_is_not_overlooked(client: FlaskClient, caller: str) -> None:
    file_tickets(caller, 2)
    cursor = page(client, caller, limit=1)["next_cursor"]
    for each in (f"{cursor[:4]} {cursor[4:]}", f"{cursor}\n", f"!{cursor}"):
        response = client.get("/tickets", query_string={"caller": caller, "cursor": each})
        assert response.status_code == 400


@ON_MOTO
def test_a_page_is_one_request(client: FlaskClient, faults: FaultyDynamoDB, caller: str) -> None:
    file_tickets(caller, 12)
    faults.operations.clear()
    assert len(page(client, caller)["tickets"]) == 10
    assert faults.operations == ["Query"]


# moto takes longer over so much than the app waits.
@ON_DYNAMODB_LOCAL
def test_a_page_ends_early_before_it_passes_5_mb(client: FlaskClient, caller: str) -> None:
    """What is one byte for DynamoDB may be six in JSON."""
    text = "\u0001" * 1000
    comment = {"comment_text": text, "added_at": "2026-02-09T12:20:25.343883Z"}
    ids = file_tickets(caller, 20, comments=[comment] * 48)
    first = client.get("/tickets", query_string={"caller": caller, "limit": 100})
    assert 2_500_000 < len(first.data) < 2_900_000
    assert "next_cursor" in first.json
    assert list(chain(*pages(client, caller, limit=100))) == ids


def test_a_ticket_that_fills_a_page_has_one_for_itself(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = file_tickets(caller, 3)
    monkeypatch.setattr(lists, "MAX_PAGE_BYTES", 1)
    assert pages(client, caller) == [[each] for each in ids]


def test_a_number_leads_to_the_ticket_of_a_page(client: FlaskClient, caller: str) -> None:
    client.post("/tickets", json={"caller_id": caller, "issue_description": "No mail"})
    (found,) = page(client, caller)["tickets"]
    assert numbers.to_ticket_id(found["ticket_number"]) == found["ticket_id"]
