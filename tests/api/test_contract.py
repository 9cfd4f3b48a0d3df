"""Generated requests, good and bad, and every answer checked against the served document."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from itsm_app import config, create_app
from itsm_app.api import auth

from ..conftest import ON_MOTO
from ..tickets.test_tickets import TIME

pytestmark = pytest.mark.contract

GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
RUNS = [
    ("create_ticket", GOOD, 700),
    ("create_ticket", BAD, 700),
    ("list_recent_tickets", GOOD, 700),
    ("list_recent_tickets", BAD, 600),
    ("get_ticket_status", GOOD, 700),
    ("get_ticket_status", BAD, 300),
    ("add_ticket_comment", GOOD, 700),
    ("add_ticket_comment", BAD, 600),
]
NUMBER = re.compile(r"\d{4}-\d{4}-\d{4}")
# What is read as a ticket's number, and may be none.
DIGITS = re.compile(r"[\d. -]+")


def operation(app: Flask, name: str) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", app).find_operation_by_id(name)


def forms_of_values(_: CheckContext, response: Response, case: Any) -> None:
    """What the contract promises of an answer, and the document leaves to words."""
    answer = response.json()
    for name, value in fields(answer):
        if name.endswith("_at"):
            assert TIME.fullmatch(value)
        elif name in ("ticket_id", "comment_id"):
            assert str(UUID(value)) == value
        elif name == "ticket_number":
            assert NUMBER.fullmatch(value)
        elif name == "status":
            assert value in ("open", "in_progress", "resolved", "closed")
        elif name == "code":
            assert re.fullmatch("[a-z_]+", value)
        elif name in ("error", "next_cursor", "request_id", "spoken_number"):
            assert value
    if response.status_code == 201:
        assert response.headers["location"] == [f"/tickets/{answer['ticket_id']}"]
        assert answer["status"] == "open"
    if response.status_code == 200:
        assert answer.get("success", True) is True
        assert len(answer.get("tickets", [])) <= 100
        assert ("etag" in response.headers) is (
            case.operation.definition.raw["operationId"] == "get_ticket_status"
        )


def fields(value: Any) -> list[tuple[str, Any]]:
    """Return the name and value of each field of an answer, at any depth."""
    if isinstance(value, dict):
        return [*value.items(), *(pair for each in value.values() for pair in fields(each))]
    return [pair for each in value for pair in fields(each)] if isinstance(value, list) else []


def good_data_is_accepted(context: CheckContext, response: Response, case: Any) -> None:
    if response.status_code == 400 and is_beyond_the_schema(response.json(), case):
        return
    positive_data_acceptance(context, response, case)


def is_beyond_the_schema(error: dict[str, str], case: Any) -> bool:
    """Whether it is refused for what no schema can say."""
    if error["code"] == "misheard_number":
        return bool(DIGITS.fullmatch(case.path_parameters["ticket_id"]))
    field = error["error"].split("`")[1]
    value = {**case.query, **(case.body if isinstance(case.body, dict) else {})}[field]
    # More is white space to Python's `\S` than to that of JSON Schema: U+001C to U+001F, U+0085.
    return field == "cursor" or str(value).isspace()


def bad_data_is_refused(context: CheckContext, response: Response, case: Any) -> None:
    if isinstance(case.body, dict):
        # Null is taken for what is left out.
        sent = {name: value for name, value in case.body.items() if value is not None}
        if sent != case.body and jsonschema_rs.is_valid(body_schema(case), sent):
            return
    negative_data_rejection(context, response, case)


def use_what_exists(case: Any, mode: GenerationMode, ticket: str, caller: str) -> None:
    """Make a request be about this ticket; a bad one is left as bad as it is."""
    if "ticket_id" in case.path_parameters:
        case.path_parameters["ticket_id"] = ticket
    if mode is GOOD:
        case.query.pop("cursor", None)
        for sent in (case.query, case.body):
            if isinstance(sent, dict) and "caller" in sent:
                sent["caller"] = caller


def body_schema(case: Any) -> Any:
    return case.operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]


CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    forms_of_values,
]


def test_there_are_5000_requests() -> None:
    assert sum(requests for _, _, requests in RUNS) == 5000


@ON_MOTO
@pytest.mark.parametrize(("name", "mode", "requests"), RUNS)
def test_no_5xx_and_no_answer_off_its_schema(
    monkeypatch: pytest.MonkeyPatch,
    ticket: str,
    caller: str,
    name: str,
    mode: GenerationMode,
    requests: int,
) -> None:
    made = 0
    key, entry = auth.make("voice", "agent")
    monkeypatch.setattr(config, "API_KEYS", entry)
    app = create_app()
    checks = [*CHECKS, good_data_is_accepted if mode is GOOD else bad_data_is_refused]

    @given(case=operation(app, name).as_strategy(generation_mode=mode))
    @settings(
        max_examples=requests,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        nonlocal made
        made += 1
        # What is generated is nobody's; every other request is about a ticket that exists.
        if made % 2:
            use_what_exists(case, mode, ticket, caller)
        case.call_and_validate(checks=checks, headers={"x-api-key": key})

    run()
    assert made >= requests
