"""Send 5,000 generated requests and check every response against the served OpenAPI document."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import unquote
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

from itsm_app import config
from itsm_app.api import auth
from itsm_app.tickets import characters
from tests.support.keyless import keyless_app

from ..conftest import ON_MOTO
from ..tickets.test_tickets import TIME

pytestmark = pytest.mark.contract

VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
RUNS = [
    ("create_ticket", VALID, 700),
    ("create_ticket", INVALID, 700),
    ("list_recent_tickets", VALID, 700),
    ("list_recent_tickets", INVALID, 600),
    ("get_ticket_status", VALID, 700),
    ("get_ticket_status", INVALID, 300),
    ("add_ticket_comment", VALID, 700),
    ("add_ticket_comment", INVALID, 600),
]
NUMBER = re.compile(r"\d{4}-\d{4}-\d{4}")
# The API reads such a text as a ticket number, and rejects the text if the check digit is wrong.
DIGITS = re.compile(r"[\d\W_\u30fc]+")


def operation(app: Flask, name: str) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", app).find_operation_by_id(name)


HANDOVER_STATUSES = ("waiting", "taken")


def check_value_formats(_: CheckContext, response: Response, case: Any) -> None:
    """Check formats that the contract requires and the OpenAPI schemas do not express."""
    body = response.json()
    for name, value in fields(body):
        if name.endswith("_at"):
            assert TIME.fullmatch(value)
        elif name in ("ticket_id", "comment_id"):
            assert str(UUID(value)) == value
        elif name == "ticket_number":
            assert NUMBER.fullmatch(value)
        elif name == "status":
            assert value in ("open", "in_progress", "resolved", "closed", *HANDOVER_STATUSES)
        elif name == "handover":
            assert value["status"] in HANDOVER_STATUSES
        elif name == "code":
            assert re.fullmatch("[a-z_]+", value)
        elif name in ("error", "next_cursor", "request_id", "spoken_number"):
            assert value
    if response.status_code == 201:
        assert response.headers["location"] == [f"/tickets/{body['ticket_id']}"]
        assert body["status"] == "open"
    if response.status_code == 200:
        assert body.get("success", True) is True
        assert len(body.get("tickets", [])) <= 100
        assert ("etag" in response.headers) is (
            case.operation.definition.raw["operationId"] == "get_ticket_status"
        )


def fields(value: Any) -> list[tuple[str, Any]]:
    """Return the name and value of each field of a response body, at any depth."""
    if isinstance(value, dict):
        return [*value.items(), *(pair for member in value.values() for pair in fields(member))]
    return [pair for item in value for pair in fields(item)] if isinstance(value, list) else []


def check_valid_data_is_accepted(context: CheckContext, response: Response, case: Any) -> None:
    if response.status_code == 400 and is_not_covered_by_the_schema(response.json(), case):
        return
    positive_data_acceptance(context, response, case)


def is_not_covered_by_the_schema(error: dict[str, str], case: Any) -> bool:
    """Return whether the API rejected the request by a rule that JSON Schema cannot express."""
    if error["code"] == "misheard_number":
        reference = unicodedata.normalize("NFKC", unquote(case.path_parameters["ticket_id"]))
        return bool(DIGITS.fullmatch(reference))
    field = error["error"].split("`")[1]
    value: Any = {**case.query, **(case.body if isinstance(case.body, dict) else {})}
    # `handover.summary` is a field of a field.
    for name in field.split("."):
        value = value[name]
    value = str(value)
    if field in ("caller", "caller_id") and not is_storable_caller_id(value):
        return True
    return field == "cursor" or characters.is_empty(value)


def is_storable_caller_id(text: str) -> bool:
    normal = unicodedata.normalize("NFC", text).strip()
    categories = {unicodedata.category(each) for each in normal}
    return len(normal) <= 100 and not categories & {"Cc", "Cf", "Zl", "Zp"}


def check_invalid_data_is_rejected(context: CheckContext, response: Response, case: Any) -> None:
    if isinstance(case.body, dict):
        # The API treats a null field as a missing field.
        present_fields = without_nulls(case.body)
        if present_fields != case.body and jsonschema_rs.is_valid(
            body_schema(case), present_fields
        ):
            return
    # In a query, the text `null` means the same. Exceptions are the names.
    present = {
        name: value
        for name, value in case.query.items()
        if value not in (None, "null") or name == "caller"
    }
    if present != dict(case.query) and jsonschema_rs.is_valid(query_schema(case), present):
        return
    negative_data_rejection(context, response, case)


def without_nulls(value: Any) -> Any:
    """Return a value without the fields that are null, at any depth."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(each) for name, each in value.items() if each is not None}


def use_existing_ticket(case: Any, mode: GenerationMode, ticket: str, caller: str) -> None:
    """Point a request to this ticket. An invalid request stays invalid."""
    if "ticket_id" in case.path_parameters:
        case.path_parameters["ticket_id"] = ticket
    if mode is VALID:
        case.query.pop("cursor", None)
        for data in (case.query, case.body):
            if isinstance(data, dict) and "caller" in data:
                data["caller"] = caller


def body_schema(case: Any) -> Any:
    return case.operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]


def query_schema(case: Any) -> Any:
    parameters = case.operation.definition.raw.get("parameters", [])
    query = [each for each in parameters if each["in"] == "query"]
    return {
        "type": "object",
        "properties": {each["name"]: each["schema"] for each in query},
        "required": [each["name"] for each in query if each.get("required")],
    }


CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    check_value_formats,
]


def test_run_sends_5000_requests() -> None:
    assert sum(requests for _, _, requests in RUNS) == 5000


@ON_MOTO
@pytest.mark.parametrize(("name", "mode", "requests"), RUNS)
def test_generated_requests_get_no_5xx_and_match_the_schema(
    monkeypatch: pytest.MonkeyPatch,
    ticket: str,
    caller: str,
    name: str,
    mode: GenerationMode,
    requests: int,
) -> None:
    sent = 0
    key, entry = auth.make("voice", "agent")
    monkeypatch.setattr(config, "API_KEYS", entry)
    app = keyless_app()
    checks = [
        *CHECKS,
        check_valid_data_is_accepted if mode is VALID else check_invalid_data_is_rejected,
    ]

    @given(case=operation(app, name).as_strategy(generation_mode=mode))
    @settings(
        max_examples=requests,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        nonlocal sent
        sent += 1
        # Generated ids match no ticket, so every other request uses an existing ticket.
        if sent % 2:
            use_existing_ticket(case, mode, ticket, caller)
        case.call_and_validate(checks=checks, headers={"x-api-key": key})

    run()
    assert sent >= requests
