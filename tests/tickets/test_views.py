"""Tests of the views of the desk: order, counts and pages."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app.tickets import lists
from itsm_app.tickets.errors import InvalidField

from ..conftest import ON_MOTO

NAME = "anna"


@pytest.fixture
def create(client: FlaskClient, own_table: str) -> Any:
    """Return a function that creates a ticket in an empty table and changes it."""

    def create(handover: dict[str, str] | None = None, **changes: Any) -> str:
        body: dict[str, Any] = {"caller_id": "x", "issue_description": "x", "handover": handover}
        created = client.post("/tickets", json=body)
        ticket = str(created.json["ticket_id"])
        if changes:
            assert client.patch(f"/tickets/{ticket}", json=changes).status_code == 200
        return ticket

    return create


def ids(view: str, **query: Any) -> list[str]:
    """Follow the cursors and return the ids of all pages."""
    found: list[str] = []
    cursor = None
    while True:
        page, cursor = lists.list_view(view, NAME, cursor=cursor, **query)
        found += [each.ticket_id for each in page]
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_open_tickets_are_sorted_by_hand_over_priority_and_age(create: Any, limit: int) -> None:
    low, normal = create(priority="low"), create()
    urgent, high = create(priority="urgent"), create(priority="high")
    second_normal, waits = create(), create(handover={})
    create(status="in_progress")
    create(status="closed")
    order = [waits, urgent, high, normal, second_normal, low]
    assert ids("open", limit=limit) == order
    assert ids("unassigned", limit=limit)[:1] == [waits]
    assert ids("waiting", limit=limit) == [waits]
    assert ids("open", limit=limit, priority="normal") == [waits, normal, second_normal]


@pytest.mark.parametrize("limit", [1, 100])
def test_own_tickets_have_every_status_and_end_with_the_newest_done_first(
    create: Any, client: FlaskClient, limit: int
) -> None:
    closed, resolved = (create(assignee=NAME, status=each) for each in ("closed", "resolved"))
    active, urgent = create(assignee=NAME), create(assignee=NAME, priority="urgent")
    waits = create(assignee=NAME)
    client.post(f"/tickets/{waits}/comments", json={"comment": "Hello?", "handover": {}})
    create(assignee="bob")
    create()
    assert ids("mine", limit=limit) == [waits, urgent, active, resolved, closed]


@pytest.mark.parametrize("status", ["resolved", "closed"])
def test_done_tickets_are_sorted_newest_first(create: Any, status: str) -> None:
    tickets = [create(status=status) for _ in range(3)]
    assert ids(status, limit=2) == tickets[::-1]
    assert ids(status, limit=2, priority="high") == []


def test_ticket_moves_with_every_change(create: Any, client: FlaskClient) -> None:
    ticket = create()

    def views() -> set[str]:
        return {view for view in lists.VIEWS if ticket in ids(view)}

    steps: list[tuple[dict[str, Any], set[str]]] = [
        ({"assignee": NAME}, {"mine", "open"}),
        ({"status": "in_progress"}, {"mine", "in_progress"}),
        ({"assignee": None}, {"unassigned", "in_progress"}),
        ({"status": "resolved"}, {"resolved"}),
    ]
    assert views() == {"unassigned", "open"}
    for change, expected in steps:
        etag = client.get(f"/tickets/{ticket}").headers["ETag"]
        client.patch(f"/tickets/{ticket}", json=change, headers={"If-Match": etag})
        assert views() == expected
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Still broken"})
    assert views() == {"unassigned", "in_progress"}
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Help", "handover": {}})
    assert views() == {"waiting", "unassigned", "in_progress"}
    client.patch(f"/tickets/{ticket}", json={"assignee": NAME, "status": "closed"})
    assert views() == {"mine", "closed"}


def test_reopened_ticket_is_marked_until_it_is_resolved(create: Any, client: FlaskClient) -> None:
    ticket = create(status="resolved")
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Still broken"})
    ((row,), _) = lists.list_view("in_progress", NAME)
    assert row.reopened_at == row.last_comment_at
    client.patch(f"/tickets/{ticket}", json={"status": "resolved"})
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Again"})
    ((again,), _) = lists.list_view("in_progress", NAME)
    assert again.reopened_at > row.reopened_at


def test_rows_show_who_wrote_last(create: Any, client: FlaskClient) -> None:
    ticket = create()
    for comment_text, author in (("Hello?", None), ("We are on it", "local"), ("Thanks", None)):
        if author:
            client.patch(f"/tickets/{ticket}", json={"comment": comment_text})
        else:
            client.post(f"/tickets/{ticket}/comments", json={"comment": comment_text})
        ((row,), _) = lists.list_view("open", NAME)
        assert row.last_comment_author == author
        shown = client.get(f"/tickets/{ticket}").json["comments"][-1]
        assert row.last_comment_at == shown["added_at"]


def test_counts_agree_with_the_views(create: Any) -> None:
    for changes in ({}, {"assignee": NAME}, {"status": "in_progress"}, {"status": "resolved"}):
        create(**changes)
        create(handover={}, **changes)
    expected = {view: len(ids(view)) for view in lists.VIEWS}
    assert lists.count_views(NAME) == expected
    assert expected["waiting"] == 1


@ON_MOTO
def test_counts_end_at_101(create: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_COUNT", 2)
    for _ in range(4):
        create()
    counts = lists.count_views(NAME)
    assert (counts["open"], counts["unassigned"], counts["closed"]) == (3, 3, 0)


def test_oldest_hand_over(create: Any) -> None:
    assert lists.oldest_handover() is None
    create(handover={})
    create(handover={})
    (oldest, *_), _ = lists.list_view("waiting", NAME)
    assert lists.oldest_handover() == oldest.handover_since


def test_rejects_the_cursor_of_another_view(create: Any) -> None:
    create()
    create()
    _, cursor = lists.list_view("open", NAME, limit=1)
    assert cursor
    with pytest.raises(InvalidField):
        lists.list_view("unassigned", NAME, limit=1, cursor=cursor)


def test_unassigned_tickets_of_a_status_in_the_api(create: Any, client: FlaskClient) -> None:
    create(assignee=NAME)
    unassigned = create()
    found = client.get("/tickets?status=open&assignee=none").json["tickets"]
    assert [each["ticket_id"] for each in found] == [unassigned]


def test_filtered_page_is_not_empty_before_its_matches(
    create: Any, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_TICKETS_READ", 2)
    for _ in range(4):
        create()
    urgent = create(priority="urgent")
    found = client.get("/tickets?status=open&priority=urgent").json
    assert [each["ticket_id"] for each in found["tickets"]] == [urgent]
