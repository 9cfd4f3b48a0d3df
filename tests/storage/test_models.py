"""Tests of the stored item format, read and written directly in DynamoDB."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket

TABLE = "poc-itsm-tickets"


def dynamodb() -> Any:
    return Ticket.connection().connection.client


def stored_comment(text: str, added_at: str, **other_fields: str) -> dict[str, Any]:
    fields = {"comment_text": text, "added_at": added_at, **other_fields}
    return {"M": {name: {"S": value} for name, value in fields.items()}}


def test_item_attributes_have_the_names_of_the_ticket_fields(
    client: FlaskClient, ticket: str
) -> None:
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
    assert item.pop("queue") == {"S": "unassigned"}
    assert item.pop("queue_position") == {"S": f"3 {shown['created_at']}"}
    assert item.pop("last_comment_at") == {"S": added_at}
    assert item == {name: {"S": text} for name, text in shown.items()}


def test_reads_and_comments_on_a_ticket_of_an_older_app(client: FlaskClient, caller: str) -> None:
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
    response = client.post(f"/tickets/old-{caller}/comments", json={"comment": "Still?"})
    assert response.status_code == 200
    (found,) = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert [comment["comment_text"] for comment in found["comments"]] == ["Still?"]


def test_comments_are_sorted_by_time_and_keep_their_order_if_times_are_equal(
    client: FlaskClient, ticket: str
) -> None:
    times = ["2026-02-09T12:00:00.000002Z", "2026-02-09T12:00:00.000001Z"]
    order = [("c", times[0]), ("a", times[1]), ("d", times[0]), ("b", times[1])]
    dynamodb().update_item(
        TableName=TABLE,
        Key={"ticket_id": {"S": ticket}},
        UpdateExpression="SET comments = :comments",
        ExpressionAttributeValues={
            ":comments": {"L": [stored_comment(*comment) for comment in order]}
        },
    )
    found = client.get(f"/tickets/{ticket}").json["comments"]
    assert [comment["comment_text"] for comment in found] == ["a", "b", "c", "d"]
