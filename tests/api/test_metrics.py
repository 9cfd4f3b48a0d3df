"""Tests of the CloudWatch metrics in the log lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient

from itsm_app import config

from ..conftest import ON_MOTO, Log
from ..support.desk import AGENT
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB, answer, refuse

if TYPE_CHECKING:
    from ..support.faulty_dynamodb import Fault

NAME = {"type": "string", "minLength": 1, "maxLength": 255}
# The JSON schema from "Specification: Embedded metric format" in the CloudWatch User Guide. `Unit`
# allows only the units that this app uses.
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": NAME,
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 9, "items": NAME},
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": NAME,
                                        "Unit": {"enum": ["Count", "Milliseconds", "Seconds"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
LISTING = "/tickets?caller=a"
LISTS = "list_recent_tickets"
REFUSED = "AccessDeniedException"
THROTTLED = "ThrottlingException"
OTHER_THROTTLES = ["ProvisionedThroughputExceededException", "RequestLimitExceeded"]
# DynamoDB's failures, the requested path, and the expected operation, errors and throttles.
CASES: list[tuple[list[Fault], str, str, int, int]] = [
    ([], LISTING, "list_recent_tickets", 0, 0),
    ([], "/tickets", "list_recent_tickets", 0, 0),
    ([], "/tickets/x", "get_ticket_status", 0, 0),
    ([], "/+15550100?caller=%2B15550100", "no_such_operation", 0, 0),
    ([], "/tickets/x/comments", "no_such_operation", 0, 0),
    ([refuse(REFUSED)], LISTING, "list_recent_tickets", 1, 0),
    ([answer(b"<html>")], LISTING, "list_recent_tickets", 1, 0),
    ([refuse("InternalServerError", 500)], LISTING, "list_recent_tickets", 0, 0),
    ([refuse(THROTTLED)], LISTING, "list_recent_tickets", 0, 1),
    ([refuse(code) for code in OTHER_THROTTLES], LISTING, "list_recent_tickets", 0, 2),
    ([refuse(THROTTLED), refuse(REFUSED)], LISTING, "list_recent_tickets", 1, 1),
    ([refuse(THROTTLED)] * 3, LISTING, "list_recent_tickets", 1, 3),
]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(config, "STAGE", "poc")
    return "poc"


def metrics_in(line: dict[str, Any]) -> list[tuple[str, str, dict[str, str], str, float]]:
    """Return the metrics in a log line: namespace, name, dimensions, unit and value."""
    jsonschema_rs.validate(SCHEMA, line)
    metrics = []
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for keys in directive["Dimensions"]:
            dimensions = {key: line[key] for key in keys}
            assert all(isinstance(value, str) for value in dimensions.values())
            for metric in directive["Metrics"]:
                name, value = metric["Name"], line[metric["Name"]]
                assert type(value) in (int, float)
                metrics.append((directive["Namespace"], name, dimensions, metric["Unit"], value))
    return metrics


@ON_MOTO
@pytest.mark.parametrize(("failures", "path", "operation", "errors", "throttles"), CASES)
def test_publishes_metrics_by_stage_and_by_operation(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    log: Log,
    stage: str,
    failures: list[Fault],
    path: str,
    operation: str,
    errors: int,
    throttles: int,
) -> None:
    faults.faults.extend(failures)
    client.get(path)
    (line,) = log.lines("request")
    assert metrics_in(line) == [
        metric
        for dimensions in ({"Stage": stage}, {"Stage": stage, "Operation": operation})
        for metric in (
            ("ItsmTickets", "Count", dimensions, "Count", 1),
            ("ItsmTickets", "Latency", dimensions, "Milliseconds", line["milliseconds"]),
            ("ItsmTickets", "Errors", dimensions, "Count", errors),
            ("ItsmTickets", "Rejected", dimensions, "Count", 0),
            ("ItsmTickets", "Throttles", dimensions, "Count", throttles),
        )
    ]
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60
    assert "5550100" not in log.text


@ON_MOTO
@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "operation", "rejected"),
    [
        ("GET", "/tickets/x", {}, 401, "get_ticket_status", 1),
        ("PATCH", "/tickets/x", {"x-api-key": AGENT}, 403, "update_ticket", 1),
        ("POST", "/desk/sign-in", {}, 403, "desk", 1),
        ("GET", "/tickets?caller=a", {"x-api-key": AGENT, "X-Caller-Id": "b"}, 403, LISTS, 1),
        ("GET", "/tickets/x", {"x-api-key": AGENT}, 404, "get_ticket_status", 0),
        ("GET", "/tickets", {"x-api-key": AGENT}, 400, LISTS, 0),
    ],
)
def test_counts_rejected_requests(
    desk_app: Flask,
    log: Log,
    stage: str,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    operation: str,
    rejected: int,
) -> None:
    response = desk_app.test_client().open(path, method=method, headers=headers)
    (line,) = log.lines("request")
    assert (response.status_code, line["status"]) == (status, status)
    assert (line["Operation"], line["Rejected"]) == (operation, rejected)


@ON_MOTO
def test_throttle_count_starts_at_zero_for_each_request(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, stage: str
) -> None:
    faults.faults.append(refuse(THROTTLED))
    client.get(LISTING)
    client.get(LISTING)
    assert [line["Throttles"] for line in log.lines("request")] == [1, 0]


@ON_MOTO
def test_only_the_request_line_contains_metrics(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, stage: str
) -> None:
    faults.faults.extend([refuse(THROTTLED)] * 3)
    client.get(LISTING)
    assert len(log.lines("retry")) == 2
    assert log.text.count('"_aws"') == 1


@pytest.mark.parametrize(
    ("setting", "embedded"), [exhaustive(({}, False)), ({"STAGE": "poc"}, True)]
)
def test_process_logs_one_line_with_metrics_only_if_a_stage_is_set(
    setting: dict[str, str], embedded: bool
) -> None:
    code = "from itsm_app.wsgi import app; app.test_client().get('/')"
    environ = {**os.environ, **setting}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert ("_aws" in json.loads(done.stderr)) is embedded
    assert done.stderr.count("\n") == 1
