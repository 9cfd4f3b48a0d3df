"""What the operations promise of storage: run on moto, and by `-m storage` on DynamoDB Local."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB


def in_threads(app: Flask, threads: int, path: str, bodies: list[dict[str, str]]) -> list[int]:
    """Post the bodies from many threads at once; the statuses."""

    def post(body: dict[str, str]) -> int:
        return app.test_client().post(path, json=body).status_code

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(post, bodies))


# moto loses concurrent updates, so its answer would prove nothing.
@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_400_concurrent_comments_are_all_kept_oldest_first(
    client: FlaskClient, ticket: str
) -> None:
    bodies = [{"comment": f"comment {number}"} for number in range(16 * 25)]
    statuses = in_threads(client.application, 16, f"/tickets/{ticket}/comments", bodies)
    assert set(statuses) == {200}
    comments = client.get(f"/tickets/{ticket}").json["comments"]
    assert sorted(each["comment_text"] for each in comments) == sorted(
        each["comment"] for each in bodies
    )
    assert comments == sorted(comments, key=lambda each: each["added_at"])


@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_concurrent_comments_on_an_unknown_ticket_make_none(client: FlaskClient) -> None:
    bodies = [{"comment": f"comment {number}"} for number in range(64)]
    assert set(in_threads(client.application, 16, "/tickets/nobodys/comments", bodies)) == {404}
    assert client.get("/tickets/nobodys").status_code == 404


@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_concurrent_tickets_are_all_listed_in_order(client: FlaskClient, caller: str) -> None:
    new = {"caller_id": caller, "issue_description": "x"}
    assert set(in_threads(client.application, 8, "/tickets", [new] * 10)) == {201}
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert len({each["ticket_id"] for each in found}) == 10
    assert found == sorted(
        found, key=lambda each: (each["created_at"], each["ticket_id"]), reverse=True
    )


def test_tickets_of_one_microsecond_are_listed_by_id_highest_first(
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
    assert [each["ticket_id"] for each in found] == sorted(ids, reverse=True)


@pytest.mark.parametrize("character", ["x", "\u07ff", "\uffff", "\U0010ffff"])
def test_the_longest_caller_id_of_any_script_fits_the_index_key(
    client: FlaskClient, character: str
) -> None:
    caller = character * 100
    new = {"caller_id": caller, "issue_description": character * 1000}
    ticket = client.post("/tickets", json=new).json["ticket_id"]
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert ticket in [each["ticket_id"] for each in found]


@ON_MOTO
@pytest.mark.parametrize("character", ["x", "\u07ff", "\U0010ffff"])
def test_an_id_that_cannot_be_a_key_is_never_sent(
    client: FlaskClient, faults: FaultyDynamoDB, character: str
) -> None:
    longest = character * (2048 // len(character.encode()))
    for path, sent in [(longest, ["GetItem", "UpdateItem", "GetItem"]), (longest + "x", [])]:
        faults.operations.clear()
        assert client.get(f"/tickets/{path}").status_code == 404
        comment = client.post(f"/tickets/{path}/comments", json={"comment": "x"})
        assert comment.status_code == 404
        assert faults.operations == sent


def test_a_list_is_whole_although_it_is_over_a_page_of_dynamodb(
    client: FlaskClient, caller: str
) -> None:
    """A page of Query ends at 1 MB."""
    text = "\U0001f600" * 1000
    comments = {"comment_text": text, "added_at": "2026-02-09T12:20:25.343883Z"}
    for number in range(4):
        Ticket(
            ticket_id=f"large-{number}-{caller}",
            caller_id=caller,
            issue_description=text,
            created_at=f"2026-02-09T12:20:25.00000{number}Z",
            updated_at="2026-02-09T12:20:25.343883Z",
            comments=[comments] * 90,
        ).save()
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert [each["ticket_id"][:7] for each in found] == [f"large-{n}" for n in (3, 2, 1, 0)]
    assert all(len(each["comments"]) == 90 for each in found)
