"""Tests of the `comments` and `status` parameters of reads and lists."""

from __future__ import annotations

from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from itsm_app.tickets import lists

from ..conftest import ON_MOTO
from ..support.exhaustive import one_per_path
from ..support.faulty_dynamodb import FaultyDynamoDB
from ..tickets.test_cursors import page, pages, store_tickets

ORDINARY = (
    "My printer is on fire. It began this morning when I changed the toner; the smoke is grey."
)


@pytest.fixture
def commented_ticket(client: FlaskClient, ticket: str) -> str:
    """Return the id of a ticket with three comments."""
    for text in ("first", "second", "third"):
        client.post(f"/tickets/{ticket}/comments", json={"comment": text})
    return ticket


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ({}, ["first", "second", "third"]),
        ({"comments": "all"}, ["first", "second", "third"]),
        ({"comments": "latest"}, ["third"]),
        ({"comments": "none"}, []),
    ],
)
def test_comments_parameter_selects_the_comments_of_reads_and_lists(
    client: FlaskClient, caller: str, commented_ticket: str, query: dict[str, str], texts: list[str]
) -> None:
    found = client.get(f"/tickets/{commented_ticket}", query_string=query).json
    assert [comment["comment_text"] for comment in found["comments"]] == texts
    assert page(client, caller, **query) == {"tickets": [found]}


@pytest.mark.parametrize("comments", ["latest", "none"])
def test_comments_parameter_returns_an_empty_list_without_comments(
    client: FlaskClient, ticket: str, comments: str
) -> None:
    assert client.get(f"/tickets/{ticket}?comments={comments}").json["comments"] == []


def test_etag_changes_with_a_comment_that_the_response_leaves_out(
    client: FlaskClient, commented_ticket: str
) -> None:
    path = f"/tickets/{commented_ticket}?comments=none"
    before = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": before}).status_code == 304
    client.post(f"/tickets/{commented_ticket}/comments", json={"comment": "fourth"})
    assert client.get(path).headers["ETag"] != before


def test_all_representations_of_a_ticket_have_the_same_etag(
    client: FlaskClient, commented_ticket: str
) -> None:
    """A client can send the `ETag` of any representation as `If-Match`."""
    path = f"/tickets/{commented_ticket}"
    queries = ["", "?comments=latest", "?comments=none", "?history=all"]
    (etag,) = {client.get(path + query).headers["ETag"] for query in queries}
    change = {"status": "resolved"}
    assert client.patch(path, json=change, headers={"If-Match": etag}).status_code == 200


@pytest.mark.parametrize("comments", ["all", "latest", "none"])
def test_head_returns_the_headers_of_get_and_no_body(
    client: FlaskClient, caller: str, commented_ticket: str, comments: str
) -> None:
    ticket_path = f"/tickets/{commented_ticket}?comments={comments}"
    for path in (ticket_path, f"/tickets?caller={quote(caller)}&comments={comments}"):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.data) == (200, b"")
        names = ("Content-Type", "Content-Length", "ETag")
        assert [head.headers.get(name) for name in names] == [
            get.headers.get(name) for name in names
        ]
    etag = client.head(ticket_path).headers["ETag"]
    assert client.head(ticket_path, headers={"If-None-Match": etag}).status_code == 304


def test_ten_ordinary_tickets_with_latest_comments_take_less_than_8_kb(
    client: FlaskClient, caller: str
) -> None:
    for _ in range(10):
        new = {"caller_id": caller, "issue_description": ORDINARY}
        ticket = client.post("/tickets", json=new).json["ticket_id"]
        for _ in range(3):
            client.post(f"/tickets/{ticket}/comments", json={"comment": ORDINARY})
    response = client.get("/tickets", query_string={"caller": caller, "comments": "latest"})
    assert len(response.json["tickets"]) == 10
    assert len(response.data) < 8 * 1024


def store_with_statuses(caller: str, *statuses: str) -> dict[str, list[str]]:
    """Store a ticket for each status; return the ids by status, newest first."""
    ids: dict[str, list[str]] = {}
    for n, status in enumerate(statuses):
        (ticket_id,) = store_tickets(caller, 1, status=status, at=n)
        ids.setdefault(status, []).insert(0, ticket_id)
    return ids


def test_list_filters_by_status(client: FlaskClient, caller: str) -> None:
    ids = store_with_statuses(caller, "open", "closed", "in_progress", "open", "resolved", "closed")
    for status, expected in ids.items():
        assert pages(client, caller, status=status) == [expected]


def test_filtered_list_continues_at_its_cursor(client: FlaskClient, caller: str) -> None:
    ids = store_with_statuses(caller, *["open", "closed", "closed"] * 3)
    assert list(chain(*pages(client, caller, status="closed", limit=2))) == ids["closed"]


ONE_BY_ONE = (1, 1, 10**6)
LIMITS = [ONE_BY_ONE, (2, 3, 10**6), (10, 2, 10**6), (10, 10, 1)]
STATUSES = ["", "c", "ococ", "cccco", "occcc", "ooo"]


@pytest.mark.parametrize(
    ("statuses", "limit", "max_tickets", "max_bytes"),
    one_per_path(
        [(statuses, *limits) for statuses in STATUSES for limits in LIMITS],
        lambda case: case[0] in ("ococ", "ooo") or case[1:] == ONE_BY_ONE,
    ),
)
def test_filtered_pages_contain_every_match_and_the_last_has_no_cursor(
    client: FlaskClient,
    caller: str,
    monkeypatch: pytest.MonkeyPatch,
    statuses: str,
    limit: int,
    max_tickets: int,
    max_bytes: int,
) -> None:
    monkeypatch.setattr(lists, "MAX_TICKETS_READ", max_tickets)
    monkeypatch.setattr(lists, "MAX_PAGE_BYTES", max_bytes)
    ids = store_with_statuses(
        caller, *({"o": "open", "c": "closed"}[letter] for letter in statuses)
    )
    found = pages(client, caller, status="open", limit=limit)
    assert list(chain(*found)) == ids.get("open", [])
    assert max(map(len, found)) <= limit


def test_ticket_with_unknown_status_is_readable_but_matches_no_filter(
    client: FlaskClient, caller: str
) -> None:
    """An older app or a later version of this app can store such a ticket."""
    (ticket_id,) = store_tickets(caller, 1, status="waiting")
    assert client.get(f"/tickets/{ticket_id}").json["status"] == "waiting"
    assert [ticket["status"] for ticket in page(client, caller)["tickets"]] == ["waiting"]
    for status in ("open", "in_progress", "resolved", "closed"):
        assert pages(client, caller, status=status) == [[]]
    response = client.post(f"/tickets/{ticket_id}/comments", json={"comment": "Hello?"})
    assert response.status_code == 200


@ON_MOTO
def test_filtered_page_is_one_query_and_has_a_cursor_if_incomplete(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_TICKETS_READ", 4)
    ids = store_with_statuses(caller, "open", *["closed"] * 5)
    faults.operations.clear()
    first = page(client, caller, status="open")
    assert (first["tickets"], "next_cursor" in first) == ([], True)
    assert faults.operations == ["Query"]
    second = page(client, caller, status="open", cursor=first["next_cursor"])
    assert [ticket["ticket_id"] for ticket in second["tickets"]] == ids["open"]
    assert "next_cursor" not in second


def test_rejects_a_cursor_with_another_status(client: FlaskClient, caller: str) -> None:
    store_with_statuses(caller, "open", "open")
    cursor = page(client, caller, status="open", limit=1)["next_cursor"]
    for status in ({}, {"status": "closed"}):
        query: dict[str, Any] = {"caller": caller, "cursor": cursor, **status}
        assert client.get("/tickets", query_string=query).status_code == 400


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("comments=some", '`comments` must be all, latest or none, but it is "some".'),
        ("comments=", "`comments` must be all, latest or none, but it is empty."),
        ("status=Open", 'in_progress, resolved or closed, but it is "Open".'),
        ("status=" + "x" * 21, "but it is 21 characters long."),
        ("status=open&status=closed", "`status` was sent twice."),
        ("comments=missing", '`comments` must be all, latest or none, but it is "missing".'),
        ("comments=at `$.limit`", "`comments` must be all, latest or none, but it is"),
        ("status=field `caller`", "`status` must be open, in_progress, resolved or closed,"),
        ("status=missing", 'closed, but it is "missing".'),
        ("status=at+`$.caller`", "`status` must be open, in_progress, resolved or closed, but it"),
        ("comments=field+`other`", 'latest or none, but it is "field `other`".'),
    ],
)
def test_rejects_invalid_query_values_and_names_the_parameter(
    client: FlaskClient, query: str, message: str
) -> None:
    response = client.get(f"/tickets?caller=x&{query}")
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert message in response.json["error"]
