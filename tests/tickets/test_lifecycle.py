"""Tests of changes by the desk: status, assignee, history and concurrent changes."""

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
# The status changes that lead to each status.
STEPS = {"open": [], "in_progress": ["in_progress"], "resolved": ["resolved"], "closed": ["closed"]}


def patch(client: FlaskClient, ticket: str, if_match: str | None = None, **changes: Any) -> Any:
    headers = {"If-Match": if_match} if if_match else {}
    return client.patch(f"/tickets/{ticket}", json=changes, headers=headers)


def history(client: FlaskClient, ticket: str) -> list[dict[str, str]]:
    """Return the ticket's history without the times."""
    found = client.get(f"/tickets/{ticket}?history=all").json.get("history", [])
    return [{k: v for k, v in event.items() if k != "changed_at"} for event in found]


def test_change_sets_all_fields_at_once_and_records_the_history(
    client: FlaskClient, ticket: str
) -> None:
    changes = {"status": "in_progress", "priority": "high", "assignee": "anna"}
    changed = patch(client, ticket, **changes, comment="I am on it")
    assert changed.status_code == 200
    assert {name: changed.json[name] for name in changes} == changes
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


def test_history_is_returned_only_on_request(client: FlaskClient, caller: str, ticket: str) -> None:
    patch(client, ticket, status="resolved")
    (listed,) = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert "history" not in listed
    assert "history" not in client.get(f"/tickets/{ticket}").json
    assert "history" not in client.get(f"/tickets/{ticket}?history=none").json
    assert client.get(f"/tickets/{ticket}?history=x").status_code == 400


@pytest.mark.parametrize(("current", "requested"), list(product(STATUSES, STATUSES)))
def test_accepts_only_the_allowed_status_transitions(
    client: FlaskClient, ticket: str, current: str, requested: str
) -> None:
    for status in STEPS[current]:
        patch(client, ticket, status=status)
    before = client.get(f"/tickets/{ticket}").headers["ETag"]
    response = patch(client, ticket, status=requested)
    if requested == current or requested in TRANSITIONS[current]:
        assert (response.status_code, response.json["status"]) == (200, requested)
        assert (response.headers["ETag"] == before) == (requested == current)
        return
    assert (response.status_code, response.json["code"]) == (409, "invalid_transition")
    named = {status for status in STATUSES if f" {status}" in response.json["error"]}
    assert named == {current, *TRANSITIONS[current]}
    assert client.get(f"/tickets/{ticket}").headers["ETag"] == before


def test_change_without_effect_leaves_the_ticket_and_its_etag(
    client: FlaskClient, ticket: str
) -> None:
    before = client.get(f"/tickets/{ticket}")
    for changes in ({}, {"status": "open", "priority": "normal", "assignee": None}):
        response = patch(client, ticket, **changes)
        assert (response.status_code, response.json) == (200, before.json)
        assert response.headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "done"),
        ("priority", "highest"),
        ("assignee", ""),
        ("assignee", "x" * 101),
        ("assignee", 5),
        ("comment", " "),
        ("idempotency_key", "x" * 101),
    ],
)
def test_rejects_an_invalid_value_and_names_the_field(
    client: FlaskClient, ticket: str, field: str, value: Any
) -> None:
    response = patch(client, ticket, **{field: value})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith(f"`{field}` must be")


def test_change_of_an_unknown_ticket_returns_404(client: FlaskClient) -> None:
    response = patch(client, str(uuid4()), status="closed")
    assert (response.status_code, response.json["code"]) == (404, "ticket_not_found")


def test_assigned_ticket_cannot_be_reassigned_without_its_etag(
    client: FlaskClient, ticket: str
) -> None:
    assert patch(client, ticket, assignee="anna").status_code == 200
    assert patch(client, ticket, assignee="anna").status_code == 200
    for other in ("bert", None):
        response = patch(client, ticket, assignee=other)
        assert (response.status_code, response.json["code"]) == (409, "already_assigned")
        assert "assigned to anna" in response.json["error"]
    etag = client.get(f"/tickets/{ticket}").headers["ETag"]
    assert patch(client, ticket, if_match=etag, assignee="bert").json["assignee"] == "bert"
    assert patch(client, ticket, if_match="*", assignee="anna").status_code == 409


def test_assignee_can_unassign_the_ticket(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, assignee="local")
    assert "assignee" not in patch(client, ticket, assignee=None).json
    assert history(client, ticket)[1:] == [
        {"field": "assignee", "from": "local", "changed_by": "local"}
    ]


def test_rejects_a_change_with_an_outdated_etag(client: FlaskClient, ticket: str) -> None:
    old = client.get(f"/tickets/{ticket}").headers["ETag"]
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    response = patch(client, ticket, if_match=old, status="resolved")
    assert (response.status_code, response.json["code"]) == (412, "changed_meanwhile")
    current = client.get(f"/tickets/{ticket}").headers["ETag"]
    assert patch(client, ticket, if_match=f'"x", {current}', status="resolved").status_code == 200
    # The ticket is already resolved, so the change succeeds despite the old ETag: RFC 9110, 13.1.1.
    assert patch(client, ticket, if_match=old, status="resolved").status_code == 200


def test_comment_by_the_caller_reopens_a_resolved_ticket(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, status="resolved")
    path, body = f"/tickets/{ticket}/comments", {"comment": "It burns", "idempotency_key": "k"}
    first = client.post(path, json=body)
    assert first.status_code == 200
    assert client.post(path, json=body).data == first.data
    found = client.get(f"/tickets/{ticket}").json
    assert (found["status"], len(found["comments"])) == ("in_progress", 1)
    assert "author" not in found["comments"][0]
    assert history(client, ticket)[1:] == [
        {"field": "status", "from": "resolved", "to": "in_progress", "changed_by": "local"}
    ]


def test_comment_by_the_desk_does_not_reopen_a_resolved_ticket(
    client: FlaskClient, ticket: str
) -> None:
    patch(client, ticket, status="resolved")
    assert patch(client, ticket, comment="How is it?").json["status"] == "resolved"


def test_closed_ticket_rejects_comments_and_changes(client: FlaskClient, ticket: str) -> None:
    body = {"comment": "Before", "idempotency_key": "k"}
    first = client.post(f"/tickets/{ticket}/comments", json=body)
    patch(client, ticket, status="closed")
    for response in (
        client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"}),
        patch(client, ticket, comment="Hello?"),
        patch(client, ticket, priority="low"),
        patch(client, ticket, assignee="anna"),
    ):
        assert (response.status_code, response.json["code"]) == (409, "ticket_closed")
        assert "Create a new ticket" in response.json["error"]
    assert client.post(f"/tickets/{ticket}/comments", json=body).data == first.data
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 1


def test_repeated_change_with_a_key_is_applied_once(client: FlaskClient, ticket: str) -> None:
    key = {"Idempotency-Key": "k"}
    for changes in ({"status": "in_progress"}, {"status": "resolved", "comment": "Done"}):
        key["Idempotency-Key"] += "x"
        first = client.patch(f"/tickets/{ticket}", json=changes, headers=key)
        assert first.json["status"] == changes["status"]
    patch(client, ticket, status="in_progress")
    before = client.get(f"/tickets/{ticket}").headers["ETag"]
    repeat = client.patch(f"/tickets/{ticket}", json=changes, headers=key)
    assert (repeat.status_code, repeat.headers["ETag"]) == (200, before)
    other = client.patch(f"/tickets/{ticket}", json={"comment": "Not done"}, headers=key)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    client.patch(
        f"/tickets/{ticket}", json={"status": "in_progress"}, headers={"Idempotency-Key": "kx"}
    )
    assert client.get(f"/tickets/{ticket}").headers["ETag"] == before


def test_comment_and_change_may_use_the_same_key(client: FlaskClient, ticket: str) -> None:
    comment = {"comment": "Done", "idempotency_key": "k"}
    for _ in range(2):
        assert client.post(f"/tickets/{ticket}/comments", json=comment).status_code == 200
        changed = client.patch(f"/tickets/{ticket}", json={**comment, "status": "resolved"})
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
def test_rejects_another_change_with_the_same_key(
    client: FlaskClient, ticket: str, first: dict[str, str], other: dict[str, str]
) -> None:
    key = {"idempotency_key": "k"}
    assert patch(client, ticket, **first, **key).status_code == 200
    before = client.get(f"/tickets/{ticket}").headers["ETag"]
    response = patch(client, ticket, **other, **key)
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    repeat = patch(client, ticket, **first, **key)
    assert (repeat.status_code, repeat.headers["ETag"]) == (200, before)


@pytest.mark.parametrize("if_match", ["", "W/{}", "W/{}, W/{}"])
def test_rejects_an_empty_or_weak_if_match(client: FlaskClient, ticket: str, if_match: str) -> None:
    """`If-Match` uses strong comparison: RFC 9110, 13.1.1."""
    etag = client.get(f"/tickets/{ticket}").headers["ETag"]
    headers = {"If-Match": if_match.format(etag, etag)}
    response = client.patch(f"/tickets/{ticket}", json={"status": "closed"}, headers=headers)
    assert (response.status_code, response.json["code"]) == (412, "changed_meanwhile")


def test_assignee_can_reassign_the_ticket(client: FlaskClient, ticket: str) -> None:
    patch(client, ticket, assignee="local")
    assert patch(client, ticket, assignee="anna").json["assignee"] == "anna"


@ON_MOTO
@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("with_if_match", [True, False])
def test_change_with_a_lost_dynamodb_response_is_applied_once(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str, lost: int, with_if_match: bool
) -> None:
    etag = client.get(f"/tickets/{ticket}").headers["ETag"]
    faults.faults.extend([apply, *[apply_and_drop] * lost])
    changes = {"status": "in_progress", "assignee": "anna", "comment": "I am on it"}
    response = patch(client, ticket, if_match=etag if with_if_match else None, **changes)
    assert (response.status_code, response.json["status"]) == (200, "in_progress")
    assert len(history(client, ticket)) == 2
    assert len(client.get(f"/tickets/{ticket}").json["comments"]) == 1


@ON_MOTO
def test_second_of_two_concurrent_assignments_is_rejected(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str
) -> None:
    def assign_to_bert_first(engine: FaultyDynamoDB) -> Any:
        assert patch(client, ticket, assignee="bert").status_code == 200
        return apply(engine)

    faults.faults.extend([apply, assign_to_bert_first, apply, apply])
    response = patch(client, ticket, assignee="anna")
    assert (response.status_code, response.json["code"]) == (409, "already_assigned")
    assert client.get(f"/tickets/{ticket}").json["assignee"] == "bert"


@ON_MOTO
def test_change_of_a_ticket_without_priority_does_not_undo_a_concurrent_change(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str
) -> None:
    def close_first(engine: FaultyDynamoDB) -> Any:
        assert patch(client, ticket, status="closed").status_code == 200
        return apply(engine)

    Ticket(ticket).update(actions=[Ticket.priority.remove()])
    faults.faults.extend([apply, close_first, apply, apply])
    response = patch(client, ticket, status="in_progress", priority="high")
    assert (response.status_code, response.json["code"]) == (409, "invalid_transition")
    assert client.get(f"/tickets/{ticket}").json["status"] == "closed"


@ON_MOTO
def test_gives_up_a_change_after_three_concurrent_changes(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str
) -> None:
    def change_priority_first(engine: FaultyDynamoDB) -> Any:
        other = "low" if client.get(f"/tickets/{ticket}").json["priority"] == "high" else "high"
        assert patch(client, ticket, priority=other).status_code == 200
        return apply(engine)

    faults.faults.extend([apply, change_priority_first, apply, apply, apply] * 3)
    response = patch(client, ticket, priority="urgent")
    assert (response.status_code, response.json["code"]) == (409, "ticket_busy")
    assert response.json["retryable"] is True


def test_full_ticket_can_still_be_closed(
    client: FlaskClient, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Lower than 300 KB: moto would reject the ticket before that.
    for name, limit in (
        ("MAX_BYTES_AFTER_COMMENT", 4_000),
        ("MAX_BYTES_AFTER_CHANGE", 5_000),
        ("MAX_BYTES_AFTER_CLOSING", 6_000),
    ):
        monkeypatch.setattr(limits, name, limit)
    statuses = [
        client.post(f"/tickets/{ticket}/comments", json={"comment": "x" * 1000}).status_code
        for _ in range(4)
    ]
    assert statuses == [200, 200, 409, 409]
    priorities = ["high", "low"] * 5
    statuses = [patch(client, ticket, priority=value).status_code for value in priorities]
    assert statuses[:3] == [200, 200, 200]
    assert statuses[-1] == 409
    assert patch(client, ticket, status="resolved").json["code"] == "ticket_full"
    assert patch(client, ticket, status="closed").status_code == 200


def test_change_adds_a_byte_count_to_an_old_ticket(client: FlaskClient, caller: str) -> None:
    now = "2026-02-09T12:20:25.343883Z"
    old = Ticket(caller, caller_id=caller, issue_description="x", created_at=now, updated_at=now)
    old.comments = [{"comment_text": "x", "added_at": now}]
    old.save()
    old.update(actions=[Ticket.priority.remove()])
    etag = client.get(f"/tickets/{caller}").headers["ETag"]
    changed = patch(client, caller, if_match=etag, status="in_progress", priority="high")
    assert (changed.status_code, changed.json["priority"]) == (200, "high")
    found = Ticket.get(caller)
    assert (found.revision, found.content_bytes > 1000) == (1, True)
    assert client.post(f"/tickets/{caller}/comments", json={"comment": "y"}).status_code == 200


def test_bound_change_applies_only_to_the_callers_own_tickets(
    client: FlaskClient, caller: str, ticket: str
) -> None:
    for bound, status in ((caller, 200), (f"{caller}9", 404)):
        response = client.patch(
            f"/tickets/{ticket}", json={"priority": "low"}, headers={"X-Caller-Id": bound}
        )
        assert response.status_code == status
