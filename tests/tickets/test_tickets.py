"""Tests of the four ticket operations. Some test names come from the seed document."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from flask.testing import FlaskClient

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
TEXTS = [
    "Ωμέγα",
    "שלום עולם",
    "مرحبا",
    "नमस्ते",
    "漢字かな",
    "😀👩‍👩‍👧‍👦🏳️‍🌈",
    " leading and trailing ",
    "two\nlines\tand a tab",
    "e\u0301 is not \u00e9",
    "nul \u0000, bidi \u202e, bom \ufeff, last \U0010ffff",
    '"quotes" \\ </script> {{7*7}} %s \' --',
    "x" * 1000,
    "\U0001f600" * 1000,
]


def test_create_ticket_success(client: FlaskClient, caller: str) -> None:
    response = client.post("/tickets", json={"caller_id": caller, "issue_description": "No mail"})
    assert response.status_code == 201
    fields = {"ticket_id", "ticket_number", "spoken_number", "status", "created_at"}
    assert set(response.json) == fields
    assert response.json["status"] == "open"
    assert TIME.fullmatch(response.json["created_at"])
    assert str(UUID(response.json["ticket_id"])) == response.json["ticket_id"]
    assert response.headers["Location"] == f"/tickets/{response.json['ticket_id']}"
    assert client.get(response.headers["Location"]).status_code == 200


def test_get_ticket_success(client: FlaskClient, caller: str, ticket: str) -> None:
    response = client.get(f"/tickets/{ticket}")
    assert response.status_code == 200
    created_at, number = response.json["created_at"], response.json["ticket_number"]
    spoken = response.json["spoken_number"]
    assert re.fullmatch(r"(\d \d \d \d(, |$)){3}", spoken)
    assert spoken.replace(" ", "").replace(",", "-") == number
    assert response.json == {
        "ticket_id": ticket,
        "ticket_number": number,
        "spoken_number": spoken,
        "caller_id": caller,
        "issue_description": "My printer is on fire",
        "status": "open",
        "priority": "normal",
        "created_at": created_at,
        "updated_at": created_at,
        "comments": [],
    }


@pytest.mark.parametrize("path", [UNKNOWN_ID, "nonsense", "..", "%00", "%2e%2e", "%FF", "x" * 3000])
def test_get_ticket_not_found(client: FlaskClient, path: str) -> None:
    response = client.get(f"/tickets/{path}")
    assert response.status_code == 404
    assert response.json["code"] == "ticket_not_found"


def test_get_ticket_missing_id(client: FlaskClient) -> None:
    response = client.get("/tickets/")
    assert response.status_code == 400
    assert "`ticket_id`" in response.json["error"]


def test_add_comment_success(client: FlaskClient, ticket: str) -> None:
    first = client.post(f"/tickets/{ticket}/comments", json={"comment": "It is still burning"})
    second = client.post(f"/tickets/{ticket}/comments", json={"comment": "It is out now"})
    assert (first.status_code, second.status_code) == (200, 200)
    assert set(second.json) == {"success", "updated_at", "comment_id"}
    assert second.json["success"] is True
    found = client.get(f"/tickets/{ticket}").json
    assert found["updated_at"] == second.json["updated_at"] > found["created_at"]
    assert found["comments"] == [
        {
            "comment_text": text,
            "added_at": response.json["updated_at"],
            "comment_id": response.json["comment_id"],
        }
        for text, response in [("It is still burning", first), ("It is out now", second)]
    ]


@pytest.mark.parametrize("path", [UNKNOWN_ID, "nonsense", "%00", "x" * 3000])
def test_add_comment_ticket_not_found(client: FlaskClient, path: str) -> None:
    response = client.post(f"/tickets/{path}/comments", json={"comment": "Hello?"})
    assert response.status_code == 404
    assert response.json["code"] == "ticket_not_found"
    assert client.get(f"/tickets/{path}").status_code == 404


def test_add_comment_missing_id(client: FlaskClient) -> None:
    response = client.post("/tickets//comments", json={"comment": "Hello?"})
    assert response.status_code == 400
    assert "`ticket_id`" in response.json["error"]


def test_list_tickets_success(client: FlaskClient, caller: str, ticket: str) -> None:
    client.post("/tickets", json={"caller_id": f"{caller}9", "issue_description": "Not mine"})
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Hello?"})
    response = client.get("/tickets", query_string={"caller": caller})
    assert response.status_code == 200
    assert response.json == {"tickets": [client.get(f"/tickets/{ticket}").json]}


def test_list_tickets_empty(client: FlaskClient) -> None:
    response = client.get("/tickets", query_string={"caller": "nobody"})
    assert response.status_code == 200
    assert response.json == {"tickets": []}


def test_lists_the_ten_newest_tickets_newest_first(client: FlaskClient, caller: str) -> None:
    new = {"caller_id": caller, "issue_description": "Again"}
    ids = [client.post("/tickets", json=new).json["ticket_id"] for _ in range(12)]
    found = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert [ticket["ticket_id"] for ticket in found] == ids[:1:-1]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_returned_unchanged(client: FlaskClient, caller: str, text: str) -> None:
    ticket = client.post("/tickets", json={"caller_id": caller, "issue_description": text}).json
    path = f"/tickets/{ticket['ticket_id']}"
    assert client.post(f"{path}/comments", json={"comment": text}).status_code == 200
    response = client.get(path)
    assert response.json["caller_id"] == caller
    assert response.json["issue_description"] == text
    assert response.json["comments"][0]["comment_text"] == text
    assert response.json in client.get("/tickets", query_string={"caller": caller}).json["tickets"]


def test_responses_are_utf_8_without_escapes(client: FlaskClient, ticket: str) -> None:
    client.post(f"/tickets/{ticket}/comments", json={"comment": "Ω שלום 😀"})
    assert "Ω שלום 😀".encode() in client.get(f"/tickets/{ticket}").data
