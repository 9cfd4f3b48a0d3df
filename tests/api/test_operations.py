"""How much of a ticket, and which tickets, an answer holds."""

from __future__ import annotations

from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from itsm_app.tickets import lists

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB
from ..tickets.test_cursors import file_tickets, page, pages

ORDINARY = (
    "My printer is on fire. It began this morning when I changed the toner; the smoke is grey."
)


@pytest.fixture
def talked_about(client: FlaskClient, ticket: str) -> str:
    """The id of a ticket with three comments."""
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
def test_comments_are_shown_as_many_as_asked_for(
    client: FlaskClient, caller: str, talked_about: str, query: dict[str, str], texts: list[str]
) -> None:
    one = client.get(f"/tickets/{talked_about}", query_string=query).json
    assert [each["comment_text"] for each in one["comments"]] == texts
    assert page(client, caller, **query) == {"tickets": [one]}


@pytest.mark.parametrize("comments", ["latest", "none"])
def test_a_ticket_without_comments_has_none_to_show(
    client: FlaskClient, ticket: str, comments: str
) -> None:
    assert client.get(f"/tickets/{ticket}?comments={comments}").json["comments"] == []


def test_the_tag_of_a_part_changes_with_what_is_left_out(
    client: FlaskClient, talked_about: str
) -> None:
    path = f"/tickets/{talked_about}?comments=none"
    before = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": before}).status_code == 304
    client.post(f"/tickets/{talked_about}/comments", json={"comment": "fourth"})
    assert client.get(path).headers["ETag"] != before


def test_the_tag_is_the_tickets_version_whatever_part_of_it_is_shown(
    client: FlaskClient, talked_about: str
) -> None:
    """So that what was seen in any part can be acted on, by `If-Match`."""
    path = f"/tickets/{talked_about}"
    parts = ["", "?comments=latest", "?comments=none", "?history=all"]
    (tag,) = {client.get(path + part).headers["ETag"] for part in parts}
    change = {"status": "resolved"}
    assert client.patch(path, json=change, headers={"If-Match": tag}).status_code == 200


@pytest.mark.parametrize("comments", ["all", "latest", "none"])
def test_a_head_is_a_get_without_its_body(
    client: FlaskClient, caller: str, talked_about: str, comments: str
) -> None:
    one = f"/tickets/{talked_about}?comments={comments}"
    for path in (one, f"/tickets?caller={quote(caller)}&comments={comments}"):
        read, head = client.get(path), client.head(path)
        assert (head.status_code, head.data) == (200, b"")
        names = ("Content-Type", "Content-Length", "ETag")
        assert [head.headers.get(name) for name in names] == [
            read.headers.get(name) for name in names
        ]
    tag = client.head(one).headers["ETag"]
    assert client.head(one, headers={"If-None-Match": tag}).status_code == 304


def test_ten_ordinary_tickets_with_their_latest_comments_take_less_than_8_kb(
    client: FlaskClient, caller: str
) -> None:
    for _ in range(10):
        new = {"caller_id": caller, "issue_description": ORDINARY}
        ticket = client.post("/tickets", json=new).json["ticket_id"]
        for _ in range(3):
            client.post(f"/tickets/{ticket}/comments", json={"comment": ORDINARY})
    answer = client.get("/tickets", query_string={"caller": caller, "comments": "latest"})
    assert len(answer.json["tickets"]) == 10
    assert len(answer.data) < 8 * 1024


def mixed(caller: str, *statuses: str) -> dict[str, list[str]]:
    """File a ticket of each status; return the ids by status, newest first."""
    ids: dict[str, list[str]] = {}
    for n, status in enumerate(statuses):
        (made,) = file_tickets(caller, 1, status=status, at=n)
        ids.setdefault(status, []).insert(0, made)
    return ids


def test_a_list_may_be_of_one_status(client: FlaskClient, caller: str) -> None:
    ids = mixed(caller, "open", "closed", "in_progress", "open", "resolved", "closed")
    for status, wanted in ids.items():
        assert pages(client, caller, status=status) == [wanted]


def test_a_filtered_list_goes_on_where_it_was(client: FlaskClient, caller: str) -> None:
    ids = mixed(caller, *["open", "closed", "closed"] * 3)
    assert list(chain(*pages(client, caller, status="closed", limit=2))) == ids["closed"]


@pytest.mark.parametrize(
    ("limit", "most_tickets", "most_bytes"),
    [(1, 1, 10**6), (2, 3, 10**6), (10, 2, 10**6), (10, 10, 1)],
)
@pytest.mark.parametrize("statuses", ["", "c", "ococ", "cccco", "occcc", "ooo"])
def test_a_filtered_list_ends_where_there_is_no_cursor_and_leaves_nothing_out(
    client: FlaskClient,
    caller: str,
    monkeypatch: pytest.MonkeyPatch,
    statuses: str,
    limit: int,
    most_tickets: int,
    most_bytes: int,
) -> None:
    monkeypatch.setattr(lists, "MAX_TICKETS_READ", most_tickets)
    monkeypatch.setattr(lists, "MAX_PAGE_BYTES", most_bytes)
    ids = mixed(caller, *({"o": "open", "c": "closed"}[each] for each in statuses))
    found = pages(client, caller, status="open", limit=limit)
    assert list(chain(*found)) == ids.get("open", [])
    assert max(map(len, found)) <= limit


def test_a_ticket_of_an_unknown_status_is_shown_and_passes_no_filter(
    client: FlaskClient, caller: str
) -> None:
    """One from before this app, or of a later version of it."""
    (odd,) = file_tickets(caller, 1, status="waiting")
    assert client.get(f"/tickets/{odd}").json["status"] == "waiting"
    assert [each["status"] for each in page(client, caller)["tickets"]] == ["waiting"]
    for status in ("open", "in_progress", "resolved", "closed"):
        assert pages(client, caller, status=status) == [[]]
    assert client.post(f"/tickets/{odd}/comments", json={"comment": "Hello?"}).status_code == 200


@ON_MOTO
def test_a_filtered_page_is_one_request_and_short_only_with_a_cursor(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_TICKETS_READ", 4)
    ids = mixed(caller, "open", *["closed"] * 5)
    faults.operations.clear()
    first = page(client, caller, status="open")
    assert (first["tickets"], "next_cursor" in first) == ([], True)
    assert faults.operations == ["Query"]
    second = page(client, caller, status="open", cursor=first["next_cursor"])
    assert [each["ticket_id"] for each in second["tickets"]] == ids["open"]
    assert "next_cursor" not in second


def test_a_cursor_is_of_one_status(client: FlaskClient, caller: str) -> None:
    mixed(caller, "open", "open")
    cursor = page(client, caller, status="open", limit=1)["next_cursor"]
    for status in ({}, {"status": "closed"}):
        query: dict[str, Any] = {"caller": caller, "cursor": cursor, **status}
        assert client.get("/tickets", query_string=query).status_code == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("comments=some", '`comments` must be all, latest or none, but it is "some".'),
        ("comments=", "`comments` must be all, latest or none, but it is empty."),
        ("status=Open", 'in_progress, resolved or closed, but it is "Open".'),
        ("status=" + "x" * 21, "but it is 21 characters long."),
        ("status=open&status=closed", "`status` is there twice."),
        ("comments=missing", '`comments` must be all, latest or none, but it is "missing".'),
        ("comments=at `$.limit`", "`comments` must be all, latest or none, but it is"),
        ("status=field `caller`", "`status` must be open, in_progress, resolved or closed,"),
        ("status=missing", 'closed, but it is "missing".'),
        ("status=at+`$.caller`", "`status` must be open, in_progress, resolved or closed, but it"),
        ("comments=field+`other`", 'latest or none, but it is "field `other`".'),
    ],
)
def test_what_cannot_be_asked_for_is_named(client: FlaskClient, query: str, said: str) -> None:
    response = client.get(f"/tickets?caller=x&{query}")
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert said in response.json["error"]
