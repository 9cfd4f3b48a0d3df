"""What the desk does with a ticket, and what becomes of it."""

from __future__ import annotations

from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket
from itsm_app.tickets import limits
from itsm_app.tickets.lifecycle import TRANSITIONS

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop

STATUSES = list(TRANSITIONS)
# How a ticket gets to a status.
WAYS = {"open": [], "in_progress": ["in_progress"], "resolved": ["resolved"], "closed": ["closed"]}


def patch(client: FlaskClient, ticket: str, if_match: str | None = None, **wanted: Any) -> Any:
    headers = {"If-Match": if_match} if if_match else {}
    return client.patch(f"/tickets/{ticket}", json=wanted, headers=headers)


def history(client: FlaskClient, ticket: str) -> list[dict[str, str]]:
    """Return the ticket's history without its times."""
    found = client.get(f"/tickets/{ticket}?history=all").json.get("history", [])
    return [{k: v for k, v in event.items() if k != "changed_at"} for event in found]


def test_a_ticket_is_changed_in_one_write_and_its_history_says_how(
    client: FlaskClient, ticket: str
) -> None:
    wanted = {"status": "in_progress", "priority": "high", "assignee": "anna"}
    changed = patch(client, ticket, **wanted, comment="I am on it")
    assert changed.status_code == 200
    assert {name: changed.json[name] for name in wanted} == wanted
    (comment,) = changed.json["comments"]
    assert (comment["comment_text"], comment["author"]) == ("I am on it", "local")
    assert changed.json["updated_at"] == comment["added_at"] > changed.json["created_at"]
    shown = client.get(f"/tickets/{ticket}")
    assert shown.json == changed.json
    assert shown.headers["ETag"] == changed.headers["ETag"]
    assert history(client, ticket) == [
        {"field": "status", "from": "open", "to": "in_progress", "changed_by": "local"},
        {"field": "priority", "from": "normal", "to": "high", "changed_by": "local"},
        {"field": "assignee", "to": "anna", "changed_by": "local"},
    ]


def test_history_is_shown_only_where_it_is_asked_for(
    client: FlaskClient, caller: str, ticket: str
) -> None:
    patch(client, ticket, status="resolved")
    (listed,) = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert "history" not in listed
    assert "history" not in client.get(f"/tickets/{ticket}").json
    assert "history" not in client.get(f"/tickets/{ticket}?history=none").json
    assert client.get(f"/tickets/{ticket}?history=x").status_code == 400


@pytest.mark.parametrize(("was", "wanted"), list(product(STATUSES, STATUSES)))
def test_a_status_leads_only_where_it_may(
    client: FlaskClient, ticket: str, was: str, wanted: str
) -> None:
    for status in WAYS[was]:
        patch(client, ticket, status=status)
    before = client.get(f"/tickets/{ticket}").headers["ETag"]
    response = patch(client, ticket, status=wanted)
    if wanted == was or wanted in TRANSITIONS[was]:
        assert (response.status_code, response.json["status"]) == (200, wanted)
        assert (response.headers["ETag"] == before) == (wanted == was)
        return
    assert (response.status_code, response.json["code"]) == (409, "invalid_transition")
    named = {status for status in STATUSES if f" {status}" in response.json["error"]}
    assert named == {was, *TRANSITIONS[was]}
    assert client.get(f"/tickets/{ticket}").headers["ETag"] == before


def test_a_change_of_nothing_writes_nothing(client: FlaskClient, ticket: str) -> None:
    before = client.get(f"/tickets/{ticket}")
    for wanted in ({}, {"status": "open", "priority": "normal", "assignee": None}):
        response = patch(client, ticket, **wanted)
        assert (response.status_code, response.json) == (200, before.json)
        assert response.headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "done"),
        ("status", None),
        ("priority", "highest"),
        ("priority", None),
        ("assignee", ""),
        ("assignee", "x" * 101),
        ("assignee", 5),
        ("comment", " "),
        ("idempotency_key", "x" * 101),
    ],
)
def test_what_cannot_be_set_is_named(
    client: FlaskClient, ticket: str, field: str, value: Any
) -> None:
    response = patch(client, ticket, **{field: value})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith(f"`{field}` must be")


def test_a_ticket_that_is_not_there_is_not_made(client: FlaskClient) -> None:
    response = patch(client, str(uuid4()), status="closed")
    assert (response.status_code, response.json["code"]) == (404, "ticket_not_found")


def test_a_ticket_is_taken_once(client: FlaskClient, ticket: str) -> None:
    assert patch(client, ticket, assignee="anna").status_code == 200
    assert patch(client, ticket, assignee="anna").status_code == 200
    for other in ("bert", None):
        response = patch(client, ticket, assignee=other)
        assert (response.status_code, response.json["code"]) == (409, "already_assigned")
        assert "anna's" in response.json["error"]
    seen = client.get(f"/tickets/{ticket}").headers["ETag"]
    assert patch(client, ticket, if_match=seen, assignee="bert").json["assignee"] == "bert"
    assert patch(client, ticket, if_match="*", assignee="anna").status_code == 409


def test_one_gives_back_ones_own(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, assignee="local")
    assert "assignee" not in patch(client, ticket, assignee=None).json
    assert history(client, ticket)[1:] == [
        {"field": "assignee", "from": "local", "changed_by": "local"}
    ]


def test_who_acts_on_what_is_no_longer_so_is_told(client: FlaskClient, ticket: str) -> None:
    seen = client.get(f"/tickets/{ticket}").headers["ETag"]
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    response = patch(client, ticket, if_match=seen, status="resolved")
    assert (response.status_code, response.json["code"]) == (412, "changed_meanwhile")
    now = client.get(f"/tickets/{ticket}").headers["ETag"]
    assert patch(client, ticket, if_match=f'"x", {now}', status="resolved").status_code == 200
    # What is done already is not refused: RFC 9110, 13.1.1.
    assert patch(client, ticket, if_match=seen, status="resolved").status_code == 200


def test_what_a_caller_says_reopens_a_resolved_ticket(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, status="resolved")
    path, sent = f"/tickets/{ticket}/comments", {"comment": "It burns", "idempotency_key": "k"}
    first = client.post(path, json=sent)
    assert first.status_code == 200
    assert client.post(path, json=sent).data == first.data
    found = client.get(f"/tickets/{ticket}").json
    assert (found["status"], len(found["comments"])) == ("in_progress", 1)
    assert "author" not in found["comments"][0]
    assert history(client, ticket)[1:] == [
        {"field": "status", "from": "resolved", "to": "in_progress", "changed_by": "local"}
    ]


def test_what_the_desk_says_does_not(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, status="resolved")
    assert patch(client, ticket, comment="How is it?").json["status"] == "resolved"


def test_on_a_closed_ticket_nothing_is_said_or_changed(client: FlaskClient, ticket: str) -> None:
    sent = {"comment": "Before", "idempotency_key": "k"}
    first = client.post(f"/tickets/{ticket}/comments", json=sent)
    patch(client, ticket, status="closed")
    for response in (
        client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"}),
        patch(client, ticket, comment="Hello?"),
        patch(client, ticket, priority="low"),
        patch(client, ticket, assignee="anna"),
    ):
        assert (response.status_code, response.json["code"]) == (409, "ticket_closed")
        assert "File a new ticket" in response.json["error"]
    assert client.post(f"/tickets/{ticket}/comments", json=sent).data == first.data
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 1


def test_a_change_under_a_key_is_done_once_whatever_came_after(
    client: FlaskClient, ticket: str
) -> None:
    key = {"Idempotency-Key": "k"}
    for wanted in ({"status": "in_progress"}, {"status": "resolved", "comment": "Done"}):
        key["Idempotency-Key"] += "x"
        first = client.patch(f"/tickets/{ticket}", json=wanted, headers=key)
        assert first.json["status"] == wanted["status"]
    patch(client, ticket, status="in_progress")
    before = client.get(f"/tickets/{ticket}").headers["ETag"]
    repeat = client.patch(f"/tickets/{ticket}", json=wanted, headers=key)
    assert (repeat.status_code, repeat.headers["ETag"]) == (200, before)
    other = client.patch(f"/tickets/{ticket}", json={"comment": "Not done"}, headers=key)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    client.patch(
        f"/tickets/{ticket}", json={"status": "in_progress"}, headers={"Idempotency-Key": "kx"}
    )
    assert client.get(f"/tickets/{ticket}").headers["ETag"] == before


def test_a_comment_and_a_change_may_have_one_key(client: FlaskClient, ticket: str) -> None:
    said = {"comment": "Done", "idempotency_key": "k"}
    for _ in range(2):
        assert client.post(f"/tickets/{ticket}/comments", json=said).status_code == 200
        changed = client.patch(f"/tickets/{ticket}", json={**said, "status": "resolved"})
        assert (changed.status_code, changed.json["status"]) == (200, "resolved")
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 2


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({"status": "in_progress"}, {"status": "resolved", "comment": "Done"}),
        ({"status": "in_progress"}, {"priority": "low"}),
        ({"comment": "One"}, {"comment": "One", "status": "closed"}),
        ({"comment": "One", "assignee": "anna"}, {"assignee": "anna"}),
    ],
)
def test_another_change_under_the_same_key_is_refused(
    client: FlaskClient, ticket: str, first: dict[str, str], other: dict[str, str]
) -> None:
    key = {"idempotency_key": "k"}
    assert patch(client, ticket, **first, **key).status_code == 200
    before = client.get(f"/tickets/{ticket}").headers["ETag"]
    response = patch(client, ticket, **other, **key)
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    repeat = patch(client, ticket, **first, **key)
    assert (repeat.status_code, repeat.headers["ETag"]) == (200, before)


@pytest.mark.parametrize("tag", ["", "W/{}", "W/{}, W/{}"])
def test_a_tag_that_is_weak_is_not_the_version_that_was_seen(
    client: FlaskClient, ticket: str, tag: str
) -> None:
    """RFC 9110, 13.1.1: by strong comparison."""
    now = client.get(f"/tickets/{ticket}").headers["ETag"]
    sent = {"If-Match": tag.format(now, now)}
    response = client.patch(f"/tickets/{ticket}", json={"status": "closed"}, headers=sent)
    assert (response.status_code, response.json["code"]) == (412, "changed_meanwhile")


def test_one_hands_over_ones_own(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, assignee="local")
    assert patch(client, ticket, assignee="anna").json["assignee"] == "anna"


@ON_MOTO
@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("seen", [True, False])
def test_a_change_whose_answer_was_lost_is_done_once(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str, lost: int, seen: bool
) -> None:
    tag = client.get(f"/tickets/{ticket}").headers["ETag"]
    faults.faults.extend([apply, *[apply_and_drop] * lost])
    wanted = {"status": "in_progress", "assignee": "anna", "comment": "I am on it"}
    response = patch(client, ticket, if_match=tag if seen else None, **wanted)
    assert (response.status_code, response.json["status"]) == (200, "in_progress")
    assert len(history(client, ticket)) == 2
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 1


@ON_MOTO
def test_of_two_who_take_a_ticket_at_once_the_second_is_told(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str
) -> None:
    def bert_is_faster(engine: FaultyDynamoDB) -> Any:
        assert patch(client, ticket, assignee="bert").status_code == 200
        return apply(engine)

    faults.faults.extend([apply, bert_is_faster, apply, apply])
    response = patch(client, ticket, assignee="anna")
    assert (response.status_code, response.json["code"]) == (409, "already_assigned")
    assert client.get(f"/tickets/{ticket}").json["assignee"] == "bert"


@ON_MOTO
def test_a_change_that_others_forestall_for_ever_is_given_up(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str
) -> None:
    def priority_changes(engine: FaultyDynamoDB) -> Any:
        other = "low" if client.get(f"/tickets/{ticket}").json["priority"] == "high" else "high"
        assert patch(client, ticket, priority=other).status_code == 200
        return apply(engine)

    faults.faults.extend([apply, priority_changes, apply, apply, apply] * 3)
    response = patch(client, ticket, priority="urgent")
    assert (response.status_code, response.json["code"]) == (500, "storage_unavailable")


def test_a_full_ticket_can_still_be_closed(
    client: FlaskClient, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of 300 KB, less than moto would take.
    for name, most in (
        ("MAX_BYTES_AFTER_COMMENT", 4_000),
        ("MAX_BYTES_AFTER_CHANGE", 5_000),
        ("MAX_BYTES_AFTER_CLOSING", 6_000),
    ):
        monkeypatch.setattr(limits, name, most)
    said = [
        client.post(f"/tickets/{ticket}/comments", json={"comment": "x" * 1000}).status_code
        for _ in range(4)
    ]
    assert said == [200, 200, 409, 409]
    statuses = [patch(client, ticket, priority=each).status_code for each in ["high", "low"] * 5]
    assert statuses[:3] == [200, 200, 200]
    assert statuses[-1] == 409
    assert patch(client, ticket, status="resolved").json["code"] == "ticket_full"
    assert patch(client, ticket, status="closed").status_code == 200


def test_a_ticket_from_before_there_were_counts_is_changed_and_counted(
    client: FlaskClient, caller: str
) -> None:
    now = "2026-02-09T12:20:25.343883Z"
    old = Ticket(caller, caller_id=caller, issue_description="x", created_at=now, updated_at=now)
    old.comments = [{"comment_text": "x", "added_at": now}]
    old.save()
    old.update(actions=[Ticket.priority.remove()])
    tag = client.get(f"/tickets/{caller}").headers["ETag"]
    changed = patch(client, caller, if_match=tag, status="in_progress", priority="high")
    assert (changed.status_code, changed.json["priority"]) == (200, "high")
    found = Ticket.get(caller)
    assert (found.revision, found.content_bytes > 1000) == (1, True)
    assert client.post(f"/tickets/{caller}/comments", json={"comment": "y"}).status_code == 200


def test_a_change_that_is_bound_to_a_caller_is_of_their_tickets_only(
    client: FlaskClient, caller: str, ticket: str
) -> None:
    for bound, status in ((caller, 200), (f"{caller}9", 404)):
        response = client.patch(
            f"/tickets/{ticket}", json={"priority": "low"}, headers={"X-Caller-Id": bound}
        )
        assert response.status_code == status
