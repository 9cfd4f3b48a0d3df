from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from ..conftest import ON_MOTO, Log
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

pytestmark = ON_MOTO


def test_a_request_is_one_line(client: FlaskClient, faults: FaultyDynamoDB, log: Log) -> None:
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


def test_retries_are_counted_anew_for_each_request(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log
) -> None:
    faults.faults.append(refuse("ThrottlingException"))
    client.get("/tickets/x")
    client.get("/tickets/x")
    assert [line["retries"] for line in log.lines("request")] == [1, 0]


def test_an_unknown_route_is_logged_without_its_path(client: FlaskClient, log: Log) -> None:
    client.get("/+15550100?caller=%2B15550100")
    (line,) = log.lines("request")
    assert (line["operation"], line["route"], line["status"]) == (None, None, 404)
    assert "5550100" not in log.text


@pytest.mark.parametrize("fault", [None, "ThrottlingException", "AccessDeniedException"])
def test_no_line_holds_what_a_caller_said_or_who_they_are(
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


def test_a_failure_of_storage_is_logged_with_its_cause(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log
) -> None:
    faults.faults.append(refuse("AccessDeniedException"))
    client.get("/tickets/x")
    (line,) = log.lines("storage_unavailable")
    assert line["level"] == "ERROR"
    assert (line["cause"], line["attempts"]) == ("AccessDeniedException", 1)


def test_a_line_is_written_once_also_where_the_root_logger_has_a_handler(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a Lambda, whose runtime gives it one."""
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        client.get("/tickets/x")
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_stack_goes_down_to_the_first_cause_without_any_message(
    client: FlaskClient, log: Log
) -> None:
    said = "-".join(["word", "x"])
    try:
        try:
            raise KeyError(said)
        except KeyError as cause:
            raise ValueError(said) from cause
    except ValueError as caught:
        error = caught
    logging.getLogger("itsm_app").error("trouble", exc_info=error)
    assert error.__cause__ is not None
    error.__cause__.__cause__ = error  # a circle
    logging.getLogger("itsm_app").error("trouble", exc_info=error)
    lines = log.lines("trouble")
    assert len(lines) == 2
    for line in lines:
        types = [entry for entry in line["stack"] if "File" not in entry]
        assert types == ["ValueError", "KeyError"]
    assert said not in log.text
