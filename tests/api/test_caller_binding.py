"""Tests of caller binding by the `X-Caller-Id` header and by a `caller` field."""

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
from ..support.exhaustive import one_per_path
from ..support.faulty_dynamodb import FaultyDynamoDB

TIME = "2026-02-09T12:20:25.343883Z"
NEW = {"issue_description": "My printer is on fire"}


def bound(caller: str) -> dict[str, str]:
    return {"X-Caller-Id": quote(caller)}


def test_bound_request_may_omit_the_caller(client: FlaskClient, caller: str) -> None:
    created = client.post("/tickets", json=NEW, headers=bound(caller)).json
    found = client.get("/tickets", headers=bound(caller)).json["tickets"]
    assert [(ticket["ticket_id"], ticket["caller_id"]) for ticket in found] == [
        (created["ticket_id"], caller)
    ]


def test_bound_request_may_name_its_caller(client: FlaskClient, caller: str) -> None:
    created = client.post("/tickets", json={**NEW, "caller_id": caller}, headers=bound(caller))
    path = f"/tickets/{created.json['ticket_id']}"
    comment = {"comment": "Hello?", "caller": caller}
    assert client.post(f"{path}/comments", json=comment, headers=bound(caller)).status_code == 200
    query = {"caller": caller}
    assert client.get(path, query_string=query, headers=bound(caller)).status_code == 200
    assert client.get("/tickets", query_string=query, headers=bound(caller)).status_code == 200


def test_unbound_request_requires_a_caller(client: FlaskClient) -> None:
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
def test_rejects_an_invalid_x_caller_id_header(
    client: FlaskClient, ticket: str, header: str
) -> None:
    response = client.get(f"/tickets/{ticket}", headers={"X-Caller-Id": header})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith("`X-Caller-Id` must be")


@pytest.mark.parametrize("caller_id", ["Ωμέγα", "a,b", "100%", "+1 555", "a b", "😀" * 100, "%41"])
def test_header_can_carry_any_caller_id(client: FlaskClient, caller_id: str) -> None:
    created = client.post("/tickets", json=NEW, headers=bound(caller_id)).json
    found = client.get(f"/tickets/{created['ticket_id']}").json
    assert found["caller_id"] == caller_id


LONG = {"comment_text": "x" * 1000, "added_at": TIME, "comment_id": "c"}
FULL = {**LONG, "comment_text": "x" * limits.MAX_BYTES_AFTER_COMMENT}
# The states that another caller's ticket can be in.
STATES: dict[str, dict[str, Any]] = {
    "new": {"content_bytes": 700},
    "commented": {"content_bytes": 1900, "comments": [LONG], "comment_ids": {"c"}},
    "full": {"content_bytes": limits.MAX_BYTES_AFTER_COMMENT, "comments": [LONG]},
    "without a byte count": {"comments": [LONG]},
    "full, without a byte count": {"comments": [LONG, FULL]},
    "with an unknown status": {"content_bytes": 700, "status": "waiting"},
}
# With and without a count of bytes.
FAST_STATES = ["commented", "without a byte count"]
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
    {"method": "POST", "json": {"comment": "Other text", "idempotency_key": "used"}},
    {"method": "POST", "json": {"comment": "Hello?"}, "headers": {"Idempotency-Key": "used"}},
    {"method": "POST", "json": {"comment": "Hello?", "idempotency_key": "new"}},
]
# Text that differs between two equal requests: ids, times and the clock value.
VARIES = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r'|(?<=":clock": \{"N": ")\d+'
)


def store_ticket(caller: str, **attributes: Any) -> str:
    """Store a ticket and return its number. Its first comment, if any, has the key `used`."""
    number = next(numbers.candidates(caller, str(uuid4())))
    ticket_id = numbers.ticket_id(number)
    ticket_comments = [dict(comment) for comment in attributes.pop("comments", [])]
    if ticket_comments:
        comment_id = str(uuid5(comment.NAMESPACE, f"{ticket_id}\0used"))
        ticket_comments[0]["comment_id"] = comment_id
        attributes["comment_ids"] = {comment_id}
    Ticket(
        ticket_id=ticket_id,
        ticket_number=numbers.written(number),
        caller_id=caller,
        issue_description="My printer is on fire",
        created_at=TIME,
        updated_at=TIME,
        comments=ticket_comments,
        **attributes,
    ).save()
    return number


def observe(
    client: FlaskClient, faults: FaultyDynamoDB, reference: str, request: dict[str, Any]
) -> dict[str, Any]:
    """Send a request; return the response and the DynamoDB requests without varying text."""
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
        "request_bodies": VARIES.sub("", json.dumps(faults.bodies)),
    }


def with_caller(
    caller: str, request: dict[str, Any], by_header: bool, by_field: bool
) -> dict[str, Any]:
    """Return the request with this caller in the header, in the `caller` field, or in both."""
    field = "json" if request["method"] == "POST" else "query_string"
    caller_field = {"caller": caller} if by_field else {}
    headers = bound(caller) if by_header else {}
    return {
        **request,
        "headers": {**request.get("headers", {}), **headers},
        field: {**request.get(field, {}), **caller_field},
    }


BY_HEADER = (True, False)
# The state, the form of the reference, and where the request names the caller.
COMBINATIONS = [
    (state, reference_form, caller_in)
    for caller_in in (BY_HEADER, (False, True), (True, True))
    for state, reference_form in (
        *((state, "the id") for state in STATES),
        *(("commented", reference_form) for reference_form in list(FORMS)[1:]),
    )
]


def is_fast(combination: tuple[str, str, tuple[bool, bool]]) -> bool:
    """The app reads the caller before the ticket, so one ticket is enough for the other places."""
    state, reference_form, caller_in = combination
    states = FAST_STATES if caller_in == BY_HEADER else ["commented"]
    return reference_form == "the id" and state in states


@ON_MOTO
@pytest.mark.parametrize(
    ("state", "reference_form", "caller_in"), one_per_path(COMBINATIONS, is_fast)
)
def test_another_callers_ticket_cannot_be_told_from_an_unknown_ticket(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    caller: str,
    state: str,
    reference_form: str,
    caller_in: tuple[bool, bool],
) -> None:
    """Compare the status, headers and body, and the requests to DynamoDB."""
    number = store_ticket(caller, **STATES[state])
    unknown = next(numbers.candidates(caller, str(uuid4())))
    before = Ticket.get(numbers.ticket_id(number)).serialize()
    for request in REQUESTS:
        sent = with_caller(f"{caller}9", request, *caller_in)
        other = observe(client, faults, FORMS[reference_form](number), sent)
        assert other == observe(client, faults, FORMS[reference_form](unknown), sent)
        assert other["status"] == 404 or other["operations"] == []
    assert Ticket.get(numbers.ticket_id(number)).serialize() == before


@ON_MOTO
@pytest.mark.parametrize("state", one_per_path(STATES, FAST_STATES.__contains__))
def test_same_requests_find_the_callers_own_ticket(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, state: str
) -> None:
    number = store_ticket(caller, **STATES[state])
    for request in REQUESTS:
        own = observe(client, faults, number, with_caller(caller, request, True, True))
        assert own["status"] != 404


@ON_MOTO
@pytest.mark.parametrize("attributes", [{}, {"caller_id": {"N": "5"}}, {"comments": {"N": "5"}}])
def test_bound_request_cannot_read_an_item_without_a_valid_caller_id(
    client: FlaskClient, caller: str, attributes: dict[str, dict[str, str]]
) -> None:
    """Another program can write such an item into the table."""
    item = {"ticket_id": {"S": f"odd-{caller}"}, **attributes}
    Ticket.connection().connection.client.put_item(TableName="poc-itsm-tickets", Item=item)
    response = client.get(f"/tickets/odd-{caller}", headers=bound(caller))
    assert (response.status_code, response.json["code"]) == (404, "ticket_not_found")
