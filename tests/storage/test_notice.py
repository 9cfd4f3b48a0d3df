"""Tests of the notice and of the tickets that join its incident, on every DynamoDB."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from itsm_app.tickets import create


def test_notice_is_stored_replaced_and_ended(client: FlaskClient) -> None:
    for text in ("E-mail is down", "E-mail is back"):
        posted = client.put("/notice", json={"text": text, "minutes": 5}).json
        assert posted["notice"]["text"] == text
        assert client.get("/notice").json == posted
    assert [client.delete("/notice").json, client.get("/notice").json] == [{}, {}]


def test_incident_lists_a_limited_number_of_tickets(
    client: FlaskClient, caller: str, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "MAX_CHILDREN", 2)
    posted = client.put("/notice", json={"text": "x", "minutes": 5, "ticket_number": ticket}).json
    incident = posted["notice"]["ticket_number"]
    etag = client.get(f"/tickets/{ticket}").headers["ETag"]
    body = {"caller_id": caller, "issue_description": "No e-mail", "join_notice": True}
    # The third ticket finds no room. The repetition of the second changes nothing.
    joined = [
        client.post("/tickets", json={**body, "idempotency_key": key}).json["ticket_number"]
        for key in "abbc"
    ]
    assert client.get(f"/tickets/{incident}").json["children"] == sorted({*joined[:2]})
    assert client.get(f"/tickets/{joined[3]}").json["parent"] == incident
    assert client.get(f"/tickets/{ticket}").headers["ETag"] == etag
    client.delete("/notice")
