"""Tests of the JSON log lines."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from ..conftest import ON_MOTO, Log
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
    }


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
