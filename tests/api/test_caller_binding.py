"""A request that the platform binds to its caller, and one in which the client names them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4, uuid5

import pytest
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket
from itsm_app.tickets import comment, limits, numbers

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB

TIME = "2026-02-09T12:20:25.343883Z"
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


LONG = {"comment_text": "x" * 1000, "added_at": TIME, "comment_id": "c"}
FULL = {**LONG, "comment_text": "x" * limits.MAX_BYTES_AFTER_COMMENT}
# What another's ticket may be like.
KINDS: dict[str, dict[str, Any]] = {
    "new": {"content_bytes": 700},
    "commented": {"content_bytes": 1900, "comments": [LONG], "comment_ids": {"c"}},
    "full": {"content_bytes": limits.MAX_BYTES_AFTER_COMMENT, "comments": [LONG]},
    "from before there were counts": {"comments": [LONG]},
    "full, from before there were counts": {"comments": [LONG, FULL]},
    "of a status that we do not know": {"content_bytes": 700, "status": "waiting"},
}
FORMS: dict[str, Callable[[str], str]] = {
    "the id": numbers.ticket_id,
    "the number": str,
    "the number as written": numbers.written,
    "the number as spoken": lambda number: numbers.spoken(numbers.written(number)),
}
REQUESTS: list[dict[str, Any]] = [
    {"method": "GET"},
    {"method": "GET", "query_string": {"comments": "latest"}},
    {"method": "GET", "query_string": {"comments": "none"}},
    {"method": "GET", "query_string": {"comments": "some"}},
    {"method": "GET", "query_string": {"status": "open", "limit": "1"}},
    {"method": "GET", "headers": {"If-None-Match": "*"}},
    {"method": "HEAD"},
    {"method": "POST", "json": {"comment": "Hello?"}},
    {"method": "POST", "json": {"comment": "x" * 1000}},
    {"method": "POST", "json": {"comment": ""}},
    {"method": "POST", "json": {"comment": LONG["comment_text"], "idempotency_key": "used"}},
    {"method": "POST", "json": {"comment": "Other words", "idempotency_key": "used"}},
    {"method": "POST", "json": {"comment": "Hello?"}, "headers": {"Idempotency-Key": "used"}},
    {"method": "POST", "json": {"comment": "Hello?", "idempotency_key": "new"}},
]
# What differs from request to request: the keys and ids of tickets and comments, and times.
VARIES = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r'|(?<=":clock": \{"N": ")\d+'
)


def file_for(caller: str, **attributes: Any) -> str:
    """Store a ticket, with a comment under the key `used` if it has any; return its number."""
    number = next(numbers.candidates(caller, str(uuid4())))
    ticket_id = numbers.ticket_id(number)
    said = [dict(each) for each in attributes.pop("comments", [])]
    if said:
        comment_id = str(uuid5(comment.NAMESPACE, f"{ticket_id}\0used"))
        said[0]["comment_id"] = comment_id
        attributes["comment_ids"] = {comment_id}
    Ticket(
        ticket_id=ticket_id,
        ticket_number=numbers.written(number),
        caller_id=caller,
        issue_description="My printer is on fire",
        created_at=TIME,
        updated_at=TIME,
        comments=said,
        **attributes,
    ).save()
    return number


def told(
    client: FlaskClient, faults: FaultyDynamoDB, reference: str, request: dict[str, Any]
) -> dict[str, Any]:
    """Return all that a request is told, and all that DynamoDB is asked, but what varies."""
    faults.operations.clear()
    faults.bodies.clear()
    path = f"/tickets/{reference}" + "/comments" * (request["method"] == "POST")
    response = client.open(path, **request)
    headers = [f"{name}: {value}" for name, value in response.headers]
    return {
        "status": response.status_code,
        "headers": VARIES.sub("", "\n".join(headers)),
        "body": VARIES.sub("", response.text),
        "operations": faults.operations[:],
        "asked": VARIES.sub("", json.dumps(faults.bodies)),
    }


def in_name_of(
    caller: str, request: dict[str, Any], by_header: bool, by_field: bool
) -> dict[str, Any]:
    field = "json" if request["method"] == "POST" else "query_string"
    named = {"caller": caller} if by_field else {}
    headers = bound(caller) if by_header else {}
    return {
        **request,
        "headers": {**request.get("headers", {}), **headers},
        field: {**request.get(field, {}), **named},
    }


@ON_MOTO
@pytest.mark.parametrize("ways", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    ("kind", "form"),
    [*((kind, "the id") for kind in KINDS), *(("commented", form) for form in list(FORMS)[1:])],
)
def test_anothers_ticket_is_like_one_that_never_was(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    caller: str,
    kind: str,
    form: str,
    ways: tuple[bool, bool],
) -> None:
    """In status, headers and body, and in what DynamoDB is asked."""
    number = file_for(caller, **KINDS[kind])
    never = next(numbers.candidates(caller, str(uuid4())))
    before = Ticket.get(numbers.ticket_id(number)).serialize()
    for request in REQUESTS:
        sent = in_name_of(f"{caller}9", request, *ways)
        anothers = told(client, faults, FORMS[form](number), sent)
        assert anothers == told(client, faults, FORMS[form](never), sent)
        assert anothers["status"] == 404 or anothers["operations"] == []
    assert Ticket.get(numbers.ticket_id(number)).serialize() == before


@ON_MOTO
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_requests_tell_tickets_of_ones_own_apart(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, kind: str
) -> None:
    number = file_for(caller, **KINDS[kind])
    for request in REQUESTS:
        own = told(client, faults, number, in_name_of(caller, request, True, True))
        assert own["status"] != 404


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
