"""Generated requests, good and bad, and every answer checked against the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .conftest import ON_MOTO

pytestmark = [pytest.mark.contract, ON_MOTO]

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
# 5,000 requests. No ticket_id is bad by its schema, so there are no bad requests to read a ticket.
RUNS = [
    ("create_ticket", GOOD, 800),
    ("create_ticket", BAD, 800),
    ("list_recent_tickets", GOOD, 800),
    ("list_recent_tickets", BAD, 200),
    ("get_ticket_status", GOOD, 800),
    ("add_ticket_comment", GOOD, 800),
    ("add_ticket_comment", BAD, 800),
]


def operation(app: Flask, name: str) -> Any:
    schema = schemathesis.openapi.from_path(Path(__file__).with_name("contract.json"))
    schema.app = app
    return schema.find_operation_by_id(name)


@pytest.mark.parametrize(("name", "mode", "requests"), RUNS)
def test_no_5xx_and_no_answer_off_its_schema(
    client: FlaskClient, ticket: str, name: str, mode: GenerationMode, requests: int
) -> None:
    made = 0
    checks = [*CHECKS, positive_data_acceptance if mode is GOOD else negative_data_rejection]

    @given(case=operation(client.application, name).as_strategy(generation_mode=mode))
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
        # A generated id is nobody's; every other request is about a ticket that exists.
        if "ticket_id" in case.path_parameters and made % 2:
            case.path_parameters["ticket_id"] = ticket
        case.call_and_validate(checks=checks)

    run()
    assert made >= requests
