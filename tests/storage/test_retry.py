"""Tests of retries after faults between the app and DynamoDB."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from itsm_app.storage.connection import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS
from itsm_app.storage.models import Ticket
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.ports import free_port

from ..conftest import ON_MOTO, Log
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB, answer, cut_short, hang, refuse, reset

if TYPE_CHECKING:
    from ..support.faulty_dynamodb import Fault

pytestmark = ON_MOTO

NEW = {"caller_id": "a", "issue_description": "b"}
THROTTLED = refuse("ProvisionedThroughputExceededException")
TRANSIENT: list[tuple[Fault, str]] = [
    (THROTTLED, "ProvisionedThroughputExceededException"),
    (refuse("ThrottlingException"), "ThrottlingException"),
    (refuse("RequestLimitExceeded"), "RequestLimitExceeded"),
    (refuse("InternalServerError", 500), "InternalServerError"),
    (refuse("ServiceUnavailable", 503), "ServiceUnavailable"),
    (answer(b"<html>Bad gateway</html>", 502), "502"),
    (reset, "ConnectionClosedError"),
    (cut_short, "ConnectionClosedError"),
]
# For each DynamoDB operation: the API request that sends it.
CALLS: dict[str, tuple[str, str, Any]] = {
    "PutItem": ("POST", "/tickets", NEW),
    "GetItem": ("GET", "/tickets/{}", None),
    "UpdateItem": ("POST", "/tickets/{}/comments", {"comment": "c"}),
    "Query": ("GET", "/tickets?caller=a", None),
}
NOT_TRANSIENT = [
    "AccessDeniedException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ValidationException",
]


def call(client: FlaskClient, operation: str, ticket: str) -> TestResponse:
    method, path, body = CALLS[operation]
    return client.open(path.format(ticket), method=method, json=body)


def test_retry_on_throttling(client: FlaskClient, faults: FaultyDynamoDB, log: Log) -> None:
    faults.faults.extend([THROTTLED, THROTTLED])
    assert client.post("/tickets", json=NEW).status_code == 201
    assert faults.operations == ["PutItem"] * 3
    first, second = log.lines("retry")
    assert (first["retry"], second["retry"]) == (1, 2)
    assert first["max_attempts"] == 3
    assert first["cause"] == "ProvisionedThroughputExceededException"
    assert 0.1 <= first["wait"] <= 0.11
    assert 0.2 <= second["wait"] <= 0.22
    assert first["request_id"] == log.lines("request")[0]["request_id"]


def test_waits_are_jittered(client: FlaskClient, faults: FaultyDynamoDB, log: Log) -> None:
    for _ in range(10):
        faults.faults.append(THROTTLED)
        client.get("/tickets/x")
    assert len({line["wait"] for line in log.lines("retry")}) == 10


def test_retry_max_attempts_exceeded(client: FlaskClient, faults: FaultyDynamoDB, log: Log) -> None:
    faults.faults.extend([THROTTLED] * 3)
    response = client.post("/tickets", json=NEW)
    assert response.status_code == 500
    assert response.json["code"] == "storage_unavailable"
    assert faults.operations == ["PutItem"] * 3
    assert len(log.lines("retry")) == 2
    assert log.lines("storage_unavailable")[0]["attempts"] == 3


@pytest.mark.parametrize(("fault", "cause"), TRANSIENT)
def test_retries_a_transient_fault(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, fault: Fault, cause: str
) -> None:
    faults.faults.append(fault)
    assert client.get("/tickets/x").status_code == 404
    assert faults.operations == ["GetItem"] * 2
    assert [line["cause"] for line in log.lines("retry")] == [cause]


@pytest.mark.parametrize("code", NOT_TRANSIENT)
def test_does_not_retry_other_errors(
    client: FlaskClient, faults: FaultyDynamoDB, code: str
) -> None:
    faults.faults.append(refuse(code))
    response = client.get("/tickets/x")
    assert response.status_code == 500
    assert code not in response.text
    assert faults.operations == ["GetItem"]


@pytest.mark.parametrize("operation", CALLS)
def test_200_response_that_is_not_from_dynamodb_is_an_error(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, operation: str
) -> None:
    faults.faults.append(answer(b"<html>Welcome to our wireless network</html>"))
    assert call(client, operation, "x").status_code == 500
    assert faults.operations == [operation]
    (line,) = log.lines("storage_unavailable")
    assert (line["cause"], line["attempts"]) == ("NotDynamoDB", 1)


def test_reads_a_ticket_with_a_consistent_read(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    client.get("/tickets/x")
    assert faults.bodies[0]["ConsistentRead"] is True


def test_does_not_retry_a_failed_condition(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    response = client.post("/tickets/unknown/comments", json={"comment": "Hello?"})
    assert response.status_code == 404
    # The read finds out why the condition failed.
    assert faults.operations == ["UpdateItem", "GetItem"]


@pytest.mark.parametrize("operation", CALLS)
def test_operation_sends_one_request_and_retries_the_request(
    client: FlaskClient, faults: FaultyDynamoDB, ticket: str, operation: str
) -> None:
    faults.operations.clear()
    assert call(client, operation, ticket).status_code in (200, 201)
    assert faults.operations == [operation]
    faults.faults.extend([THROTTLED, THROTTLED])
    assert call(client, operation, ticket).status_code in (200, 201)
    assert faults.operations == [operation] * 4


def test_retries_a_refused_connection(
    client: FlaskClient, engine: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ticket, "_connection", None)
    try:
        use_dynamodb(f"http://127.0.0.1:{free_port()}")
        assert client.get("/tickets/x").status_code == 500
    finally:
        use_dynamodb(engine)
    assert [line["cause"] for line in log.lines("retry")] == ["EndpointConnectionError"] * 2


def test_does_not_retry_missing_credentials(
    client: FlaskClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ticket, "_connection", None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    assert client.get("/tickets/x").status_code == 500
    assert log.lines("retry") == []
    assert log.lines("storage_unavailable")[0]["cause"] == "NoCredentialsError"


@pytest.mark.parametrize("seconds", [0.01, exhaustive(CONNECT_TIMEOUT_SECONDS)])
def test_retries_a_connection_timeout(
    client: FlaskClient, engine: str, log: Log, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(Ticket.Meta, "connect_timeout_seconds", seconds)
    monkeypatch.setattr(Ticket, "_connection", None)
    with ExitStack() as stack:
        # A listener with a full backlog accepts no further connection.
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            pending = stack.enter_context(socket.socket())
            pending.setblocking(False)
            pending.connect_ex(listener.getsockname())
        stack.callback(use_dynamodb, engine)
        use_dynamodb(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert client.get("/tickets/x").status_code == 500
    assert [line["cause"] for line in log.lines("retry")] == ["ConnectTimeoutError"] * 2


def test_retries_hung_attempts_after_waits(
    client: FlaskClient, engine: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("itsm_app.storage.retry.waits", True)
    monkeypatch.setattr("itsm_app.storage.retry.time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(Ticket.Meta, "read_timeout_seconds", 0.05)
    monkeypatch.setattr(Ticket, "_connection", None)
    with ExitStack() as stack:
        # The kernel completes the connections to this listener, and nobody answers the requests.
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.callback(use_dynamodb, engine)
        use_dynamodb(f"http://127.0.0.1:{listener.getsockname()[1]}")
        response = client.get("/tickets/x")
    assert (response.status_code, response.json["code"]) == (500, "storage_unavailable")
    retries = log.lines("retry")
    assert [line["cause"] for line in retries] == ["ReadTimeoutError"] * 2
    assert [line["wait"] for line in retries] == waits


def test_timeouts_and_waits_of_three_attempts_take_6_to_7_seconds(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ticket, "_connection", None)
    client_config = Ticket.connection().connection.client.meta.config
    assert client_config.connect_timeout == CONNECT_TIMEOUT_SECONDS
    assert client_config.read_timeout == READ_TIMEOUT_SECONDS
    # The TLS handshake has the connect time-out too. The longest waits are tested above: 0.11 and
    # 0.22 seconds. Shorter time-outs would fail slow requests without need.
    assert 6 < 3 * (2 * CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS) + 0.11 + 0.22 < 7


@pytest.mark.exhaustive
def test_three_hung_attempts_end_within_7_seconds(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("itsm_app.storage.retry.waits", True)
    faults.faults.extend([hang] * 3)
    start = time.monotonic()
    response = client.get("/tickets/x")
    assert 3 * READ_TIMEOUT_SECONDS + 0.1 + 0.2 <= time.monotonic() - start < 7
    assert response.status_code == 500
    assert response.json["code"] == "storage_unavailable"
    assert [line["cause"] for line in log.lines("retry")] == ["ReadTimeoutError"] * 2
