"""Tests of the byte count of tickets, and of `ETag` and `If-None-Match`."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app.storage import items, sizes
from itsm_app.storage.attributes import Comment
from itsm_app.storage.models import Ticket
from itsm_app.tickets import limits

from ..conftest import ON_DYNAMODB_LOCAL, ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply

NOW = "2026-02-09T12:20:25.343883Z"


def store(ticket_id: str, text: str, count: int, counted: bool) -> None:
    """Store a ticket with comments. Without `counted`, it has no byte count, as in old versions."""
    comments: list[Comment] = [{"comment_text": text, "added_at": NOW}] * count
    times: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}
    ticket = Ticket(
        ticket_id=ticket_id, caller_id="a", issue_description="b", comments=comments, **times
    )
    if counted:
        items.put_new(ticket)
    else:
        ticket.save()


def add(client: FlaskClient, ticket: str, text: str = "Hello?") -> Any:
    return client.post(f"/tickets/{ticket}/comments", json={"comment": text})


# moto counts a list twice when it grows, so it rejects these tickets before they have 300 KB.
@ON_DYNAMODB_LOCAL
@pytest.mark.parametrize("text", ["x" * 1000, "\U0001f600" * 1000, "x" + "\u0001" * 999, "x"])
@pytest.mark.parametrize("counted", [True, False])
def test_ticket_accepts_comments_up_to_300_kb_and_stays_readable(
    client: FlaskClient, caller: str, text: str, counted: bool
) -> None:
    comment_bytes = sizes.of_comments([{"comment_text": text, "added_at": NOW}])
    max_comments = (limits.MAX_BYTES_AFTER_COMMENT - sizes.TICKET_BYTES) // comment_bytes
    store(caller, text, max_comments - 2, counted)
    statuses = [add(client, caller, text).status_code for _ in range(4)]
    assert statuses == [200, 200, 409, 409]
    response = add(client, caller, text)
    assert response.json["code"] == "ticket_full"
    assert "follow-up ticket" in response.json["error"]
    found = client.get(f"/tickets/{caller}")
    assert len(found.json["comments"]) == max_comments
    assert len(found.data) < limits.MAX_BYTES_AFTER_COMMENT


def test_full_ticket_still_replays_a_stored_comment(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "x" * 1000
    # Lower than 300 KB: moto would reject the ticket before that.
    monkeypatch.setattr(limits, "MAX_BYTES_AFTER_COMMENT", 20_000)
    store(caller, text, 15, counted=True)
    sent = {"comment": text, "idempotency_key": "k"}
    first = client.post(f"/tickets/{caller}/comments", json=sent)
    assert first.status_code == 200
    assert add(client, caller, text).json["code"] == "ticket_full"
    assert client.post(f"/tickets/{caller}/comments", json=sent).data == first.data


@ON_MOTO
def test_first_comment_adds_a_byte_count_to_an_old_ticket(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    store(caller, "x", 3, counted=False)
    assert "ticket_number" not in client.get(f"/tickets/{caller}").json
    faults.operations.clear()
    assert add(client, caller).status_code == 200
    assert faults.operations == ["UpdateItem", "GetItem", "UpdateItem"]
    assert add(client, caller).status_code == 200
    assert faults.operations[3:] == ["UpdateItem"]
    found = items.find(caller)
    assert found
    counted = int(found.content_bytes)
    found.content_bytes = None
    assert counted == sizes.of_ticket(found)


@ON_MOTO
@pytest.mark.parametrize(("times", "status"), [(1, 200), (2, 409)])
def test_concurrent_comment_is_kept_while_an_old_ticket_is_counted(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, times: int, status: int
) -> None:
    store(caller, "x", 1, counted=False)

    def add_comment_first(engine: FaultyDynamoDB) -> Any:
        ticket = Ticket.get(caller)
        ticket.comments.append({"comment_text": "between", "added_at": NOW})
        ticket.save()
        return apply(engine)

    # The app's write and read. Then in each round: the app's write, the two requests that
    # `add_comment_first` sends before that write is applied, and the app's read.
    faults.faults.extend([apply, apply, *[add_comment_first, apply, apply, apply] * times])
    assert add(client, caller).status_code == status
    found = client.get(f"/tickets/{caller}").json["comments"]
    texts = [comment["comment_text"] for comment in found]
    assert sorted(texts) == ["Hello?"] * (status == 200) + ["between"] * times + ["x"]


def test_etag_changes_exactly_when_the_ticket_changes(client: FlaskClient, ticket: str) -> None:
    path = f"/tickets/{ticket}"
    etags = []
    for _ in range(3):
        etags.append(client.get(path).headers["ETag"])
        assert client.get(path).headers["ETag"] == etags[-1]
        add(client, ticket)
    assert len(set(etags)) == 3


def test_unchanged_ticket_returns_304_without_a_body(client: FlaskClient, ticket: str) -> None:
    path = f"/tickets/{ticket}"
    etag = client.get(path).headers["ETag"]
    for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        response = client.get(path, headers={"If-None-Match": sent})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == etag
    add(client, ticket)
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 200
    assert client.get("/tickets/x", headers={"If-None-Match": "*"}).status_code == 404
