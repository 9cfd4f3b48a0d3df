"""A request that the platform binds to its caller, and one in which the client names them."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from itsm_app.models import Ticket

from .conftest import ON_MOTO
from .faulty_dynamodb import FaultyDynamoDB

NEW = {"issue_description": "My printer is on fire"}


def bound(caller: str) -> dict[str, str]:
    return {"X-Caller-Id": quote(caller)}


def test_a_bound_request_need_not_name_its_caller(client: FlaskClient, caller: str) -> None:
    created = client.post("/tickets", json=NEW, headers=bound(caller)).json
    found = client.get("/tickets", headers=bound(caller)).json["tickets"]
    assert [(each["ticket_id"], each["caller_id"]) for each in found] == [
        (created["ticket_id"], caller)
    ]


def test_a_bound_request_may_name_its_caller(client: FlaskClient, caller: str) -> None:
    created = client.post("/tickets", json={**NEW, "caller_id": caller}, headers=bound(caller))
    path = f"/tickets/{created.json['ticket_id']}"
    comment = {"comment": "Hello?", "caller": caller}
    assert client.post(f"{path}/comments", json=comment, headers=bound(caller)).status_code == 200
    query = {"caller": caller}
    assert client.get(path, query_string=query, headers=bound(caller)).status_code == 200
    assert client.get("/tickets", query_string=query, headers=bound(caller)).status_code == 200


def test_a_caller_who_is_not_named_is_asked_for(client: FlaskClient) -> None:
    for response in (client.post("/tickets", json=NEW), client.get("/tickets")):
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")
        assert "is missing: it must be a text of 1 to 100" in response.json["error"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "%20",
        "a,b",
        "a b",
        "%",
        "%4",
        "%zz",
        "100%",
        "%FF",
        "%ED%A0%80",
        "\u00e9",
        "x" * 101,
    ],
)
def test_a_header_that_is_no_callers_id_binds_to_nobody(
    client: FlaskClient, ticket: str, header: str
) -> None:
    response = client.get(f"/tickets/{ticket}", headers={"X-Caller-Id": header})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith("`X-Caller-Id` must be")


@pytest.mark.parametrize("caller_id", ["Ωμέγα", "a,b", "100%", "+1 555", "a b", "😀" * 100, "%41"])
def test_any_callers_id_can_be_in_the_header(client: FlaskClient, caller_id: str) -> None:
    created = client.post("/tickets", json=NEW, headers=bound(caller_id)).json
    found = client.get(f"/tickets/{created['ticket_id']}").json
    assert found["caller_id"] == caller_id


@ON_MOTO
def test_anothers_ticket_is_like_one_that_never_was(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, ticket: str
) -> None:
    """In its status, its words, and what DynamoDB is asked."""
    never = "00000000-0000-4000-8000-000000000000"
    other = f"{caller}9"
    for headers, named in (
        (bound(other), {}),
        ({}, {"caller": other}),
        (bound(other), {"caller": other}),
    ):
        told = []
        for each in (ticket, never):
            faults.operations.clear()
            faults.bodies.clear()
            answers = [
                client.get(f"/tickets/{each}", query_string=named, headers=headers),
                client.post(
                    f"/tickets/{each}/comments",
                    json={"comment": "Hello?", "idempotency_key": "k", **named},
                    headers=headers,
                ),
            ]
            said = [(answer.status_code, answer.json["error"]) for answer in answers]
            asked = [(body.keys(), body.get("ConditionExpression")) for body in faults.bodies]
            told.append((said, faults.operations[:], asked))
        assert told[0] == told[1]
        assert [status for status, _ in told[0][0]] == [404, 404]
        assert told[0][1] == ["GetItem", "UpdateItem", "GetItem"]
    assert client.get(f"/tickets/{ticket}").json["comments"] == []


@ON_MOTO
@pytest.mark.parametrize("odd", [{}, {"caller_id": {"N": "5"}}, {"comments": {"N": "5"}}])
def test_an_item_that_is_nobodys_ticket_is_not_shown_to_anybody(
    client: FlaskClient, caller: str, odd: dict[str, dict[str, str]]
) -> None:
    """One that somebody else wrote into the table."""
    item = {"ticket_id": {"S": f"odd-{caller}"}, **odd}
    Ticket.connection().connection.client.put_item(TableName="poc-itsm-tickets", Item=item)
    response = client.get(f"/tickets/odd-{caller}", headers=bound(caller))
    assert (response.status_code, response.json["code"]) == (404, "ticket_not_found")
