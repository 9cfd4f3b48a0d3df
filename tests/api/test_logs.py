"""Tests of the JSON log lines."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ..conftest import ON_MOTO, Log
from ..support.desk import AGENT, ANNA
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

pytestmark = ON_MOTO


def test_logs_one_line_per_request(client: FlaskClient, faults: FaultyDynamoDB, log: Log) -> None:
    faults.faults.append(refuse("ThrottlingException"))
    response = client.get("/tickets/some-id")
    (line,) = log.lines("request")
    assert abs(datetime.fromisoformat(line.pop("time")) - datetime.now(UTC)).seconds < 60
    assert 0 < line.pop("milliseconds") < 10_000
    assert line == {
        "level": "INFO",
        "message": "request",
        "request_id": response.headers["X-Request-Id"],
        "operation": "get_ticket_status",
        "route": "/tickets/<ticket_id>",
        "status": 404,
        "retries": 1,
        "key": "local",
        "network": "127.0.0.0/24",
    }


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        # The address of a Unix socket, and the source of a test in the console of API Gateway.
        ("", None),
        ("localhost", None),
        ("test-invoke-source-ip", None),
    ],
)
def test_logs_the_network_of_the_client(
    client: FlaskClient, log: Log, address: str, network: str | None
) -> None:
    forged = {"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"}
    client.get("/health", headers=forged, environ_overrides={"REMOTE_ADDR": address})
    (line,) = log.lines("request")
    assert line["network"] == network
    assert "77" not in str(line["network"])
    assert "198.51.100" not in log.text


@pytest.mark.parametrize(
    ("path", "key", "name"),
    [
        ("/tickets?status=open", ANNA, "anna.b"),
        # The role of this key does not include the operation.
        ("/tickets/x", AGENT, "voice"),
        ("/tickets/x", "wrong", None),
        # These routes need no key.
        ("/health", ANNA, None),
        ("/nope", ANNA, None),
    ],
)
def test_logs_the_name_of_the_key(
    engine: str, app_with_keys: Flask, log: Log, path: str, key: str, name: str | None
) -> None:
    method = "PATCH" if path == "/tickets/x" else "GET"
    app_with_keys.test_client().open(path, method=method, headers={"x-api-key": key}, data="{}")
    (line,) = log.lines("request")
    assert line["key"] == name
    assert key not in log.text


def test_retry_count_starts_at_zero_for_each_request(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log
) -> None:
    faults.faults.append(refuse("ThrottlingException"))
    client.get("/tickets/x")
    client.get("/tickets/x")
    assert [line["retries"] for line in log.lines("request")] == [1, 0]


def test_logs_an_unknown_route_without_its_path(client: FlaskClient, log: Log) -> None:
    client.get("/+15550100?caller=%2B15550100")
    (line,) = log.lines("request")
    assert (line["operation"], line["route"], line["status"]) == (None, None, 404)
    assert "5550100" not in log.text


@pytest.mark.parametrize("fault", [None, "ThrottlingException", "AccessDeniedException"])
def test_log_contains_no_caller_id_and_no_text_of_a_caller(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, fault: str | None
) -> None:
    ticket = client.post("/tickets", json={"caller_id": "caller-x", "issue_description": "word-y"})
    if fault:
        faults.faults.append(refuse(fault))
    client.post(f"/tickets/{ticket.json['ticket_id']}/comments", json={"comment": "word-z"})
    client.get("/tickets?caller=caller-x")
    client.post("/tickets", data='{"caller_id": "caller-x"')
    assert len(log.lines("request")) == 4
    for secret in ("caller-x", "word-y", "word-z"):
        assert secret not in log.text


def test_logs_a_storage_failure_with_its_cause(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log
) -> None:
    faults.faults.append(refuse("AccessDeniedException"))
    client.get("/tickets/x")
    (line,) = log.lines("storage_unavailable")
    assert line["level"] == "ERROR"
    assert (line["cause"], line["attempts"]) == ("AccessDeniedException", 1)


def test_logs_each_line_once_when_the_root_logger_has_a_handler(
    client: FlaskClient, log: Log
) -> None:
    """The Lambda runtime adds a handler to the root logger."""
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        client.get("/tickets/x")
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(log.lines("request")) == 1
    assert log.text.count("\n") == 1


def test_logged_stack_contains_all_causes_and_no_exception_messages(
    client: FlaskClient, log: Log
) -> None:
    # The message is put together at run time, so the source lines in the stack do not contain it.
    message = "-".join(["word", "x"])
    try:
        try:
            raise KeyError(message)
        except KeyError as cause:
            raise ValueError(message) from cause
    except ValueError as caught:
        error = caught
    logging.getLogger("itsm_app").error("trouble", exc_info=error)
    assert error.__cause__ is not None
    error.__cause__.__cause__ = error  # a cycle of causes
    logging.getLogger("itsm_app").error("trouble", exc_info=error)
    lines = log.lines("trouble")
    assert len(lines) == 2
    for line in lines:
        types = [entry for entry in line["stack"] if "File" not in entry]
        assert types == ["ValueError", "KeyError"]
    assert message not in log.text
