"""Tests of storage behavior: concurrency, order and sizes. `-m storage` uses DynamoDB Local."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB


def post_concurrently(
    app: Flask, threads: int, path: str, bodies: list[dict[str, str]]
) -> list[int]:
    """Post the bodies from several threads at once and return the statuses."""

    def post(body: dict[str, str]) -> int:
        return app.test_client().post(path, json=body).status_code

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(post, bodies))


# moto loses concurrent updates, so this test needs DynamoDB Local.
@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_400_concurrent_comments_are_all_stored_oldest_first(
    client: FlaskClient, ticket: str
) -> None:
    bodies = [{"comment": f"comment {number}"} for number in range(16 * 25)]
    statuses = post_concurrently(client.application, 16, f"/tickets/{ticket}/comments", bodies)
    assert set(statuses) == {200}
    comments = client.get(f"/tickets/{ticket}").json["comments"]
    assert sorted(comment["comment_text"] for comment in comments) == sorted(
        body["comment"] for body in bodies
    )
    assert comments == sorted(comments, key=lambda comment: comment["added_at"])


@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_concurrent_comments_on_an_unknown_ticket_create_no_ticket(client: FlaskClient) -> None:
    bodies = [{"comment": f"comment {number}"} for number in range(64)]
    statuses = post_concurrently(client.application, 16, "/tickets/unknown/comments", bodies)
    assert set(statuses) == {404}
    assert client.get("/tickets/unknown").status_code == 404


@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_concurrently_created_tickets_are_all_listed_in_order(
    client: FlaskClient, caller: str
) -> None:
    new = {"caller_id": caller, "issue_description": "x"}
    assert set(post_concurrently(client.application, 8, "/tickets", [new] * 10)) == {201}
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert len({ticket["ticket_id"] for ticket in found}) == 10
    assert found == sorted(
        found, key=lambda ticket: (ticket["created_at"], ticket["ticket_id"]), reverse=True
    )


def test_tickets_with_equal_times_are_listed_by_id_highest_first(
    client: FlaskClient, caller: str
) -> None:
    time = "2026-02-09T12:20:25.343883Z"
    ids = [f"{number}-{caller}" for number in (3, 1, 5, 2, 4)]
    for ticket_id in ids:
        Ticket(
            ticket_id=ticket_id,
            caller_id=caller,
            issue_description="x",
            created_at=time,
            updated_at=time,
        ).save()
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert [ticket["ticket_id"] for ticket in found] == sorted(ids, reverse=True)


@pytest.mark.parametrize("character", ["x", "\u07ff", "\uffff", "\U0010ffff"])
def test_longest_caller_id_of_any_script_fits_the_index_key(
    client: FlaskClient, character: str
) -> None:
    caller = character * 100
    new = {"caller_id": caller, "issue_description": character * 1000}
    ticket = client.post("/tickets", json=new).json["ticket_id"]
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert ticket in [listed["ticket_id"] for listed in found]


@ON_MOTO
@pytest.mark.parametrize("character", ["x", "\u07ff", "\U0010ffff"])
def test_id_too_long_for_a_key_is_not_sent_to_dynamodb(
    client: FlaskClient, faults: FaultyDynamoDB, character: str
) -> None:
    longest = character * (2048 // len(character.encode()))
    # The second id is one byte longer than a DynamoDB key can be.
    for path, operations in [(longest, ["GetItem", "UpdateItem", "GetItem"]), (longest + "x", [])]:
        faults.operations.clear()
        assert client.get(f"/tickets/{path}").status_code == 404
        comment = client.post(f"/tickets/{path}/comments", json={"comment": "x"})
        assert comment.status_code == 404
        assert faults.operations == operations


def test_list_is_complete_beyond_one_page_of_dynamodb(client: FlaskClient, caller: str) -> None:
    """A DynamoDB Query returns at most 1 MB."""
    text = "\U0001f600" * 1000
    comment = {"comment_text": text, "added_at": "2026-02-09T12:20:25.343883Z"}
    for number in range(4):
        Ticket(
            ticket_id=f"large-{number}-{caller}",
            caller_id=caller,
            issue_description=text,
            created_at=f"2026-02-09T12:20:25.00000{number}Z",
            updated_at="2026-02-09T12:20:25.343883Z",
            comments=[comment] * 90,
        ).save()
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert [ticket["ticket_id"][:7] for ticket in found] == [f"large-{n}" for n in (3, 2, 1, 0)]
    assert all(len(ticket["comments"]) == 90 for ticket in found)
