"""The stored shape, read and written beside the app, as the contract has it."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket

TABLE = "poc-itsm-tickets"


def dynamodb() -> Any:
    return Ticket.connection().connection.client


def stored_comment(text: str, added_at: str, **more: str) -> dict[str, Any]:
    fields = {"comment_text": text, "added_at": added_at, **more}
    return {"M": {name: {"S": value} for name, value in fields.items()}}


def test_a_ticket_is_stored_under_the_names_of_its_fields(client: FlaskClient, ticket: str) -> None:
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    shown = client.get(f"/tickets/{ticket}").json
    item = dynamodb().get_item(TableName=TABLE, Key={"ticket_id": {"S": ticket}})["Item"]
    (comment,) = shown.pop("comments")
    added_at, comment_id = comment["added_at"], comment["comment_id"]
    stored = stored_comment("Hello?", added_at, comment_id=comment_id)
    assert item.pop("comments") == {"L": [stored]}
    assert item.pop("comment_ids") == {"SS": [comment_id]}
    assert int(item.pop("content_bytes")["N"]) < 1000
    assert item.pop("revision") == {"N": "2"}
    del shown["spoken_number"]
    assert item == {name: {"S": text} for name, text in shown.items()}


def test_a_ticket_that_was_there_before_the_app_is_read_and_commented(
    client: FlaskClient, caller: str
) -> None:
    old = {
        "ticket_id": f"old-{caller}",
        "caller_id": caller,
        "issue_description": "Since last year",
        "status": "in_progress",
        "created_at": "2025-02-09T12:20:25.343883Z",
        "updated_at": "2025-02-09T12:20:25.343883Z",
    }
    item: dict[str, Any] = {name: {"S": text} for name, text in old.items()}
    dynamodb().put_item(TableName=TABLE, Item={**item, "comments": {"L": []}, "x": {"N": "1"}})
    assert client.get(f"/tickets/old-{caller}").json == {
        **old,
        "priority": "normal",
        "comments": [],
    }
    sent = client.post(f"/tickets/old-{caller}/comments", json={"comment": "Still?"})
    assert sent.status_code == 200
    (found,) = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert [comment["comment_text"] for comment in found["comments"]] == ["Still?"]


def test_comments_come_oldest_first_and_by_arrival_within_a_microsecond(
    client: FlaskClient, ticket: str
) -> None:
    times = ["2026-02-09T12:00:00.000002Z", "2026-02-09T12:00:00.000001Z"]
    order = [("c", times[0]), ("a", times[1]), ("d", times[0]), ("b", times[1])]
    dynamodb().update_item(
        TableName=TABLE,
        Key={"ticket_id": {"S": ticket}},
        UpdateExpression="SET comments = :comments",
        ExpressionAttributeValues={":comments": {"L": [stored_comment(*each) for each in order]}},
    )
    found = client.get(f"/tickets/{ticket}").json["comments"]
    assert [comment["comment_text"] for comment in found] == ["a", "b", "c", "d"]
