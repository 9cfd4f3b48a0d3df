"""Tests of the log line with the longest wait of a hand-over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.api.handover_wait import NotMeasured, log_longest_wait
from itsm_app.storage.models import Ticket
from itsm_app.storage.retry import MAX_ATTEMPTS, retries
from itsm_app.storage.timestamps import format_timestamp

from ..conftest import ON_MOTO, Log
from ..support.faulty_dynamodb import FaultyDynamoDB, delete_all_items, refuse
from .test_metrics import metrics_in

if TYPE_CHECKING:
    from ..support.faulty_dynamodb import Fault

pytestmark = ON_MOTO

Wait = Callable[[str], str]
REFUSED = "AccessDeniedException"


@pytest.fixture
def wait(client: FlaskClient, caller: str) -> Wait:
    """Return a function that creates a ticket whose hand-over waits since a time."""
    delete_all_items()

    def wait(since: str) -> str:
        body = {"caller_id": caller, "issue_description": "word-x", "handover": {}}
        ticket = str(client.post("/tickets", json=body).json["ticket_id"])
        place = Ticket.queue_position.set(f"0 {since}")
        Ticket(ticket).update(actions=[Ticket.handover_since.set(since), place])
        return ticket

    return wait


def ago(seconds: float) -> str:
    return format_timestamp(datetime.now(UTC) - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("waits", "shortest", "longest"),
    [([], 0, 0), ([60], 60, 80), ([1000, 60, 600], 1000, 1020), ([-60], 0, 0)],
    ids=["none", "one", "three", "clock is ahead"],
)
def test_logs_the_longest_wait_as_a_metric_of_the_stage(
    wait: Wait,
    faults: FaultyDynamoDB,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
    shortest: float,
    longest: float,
) -> None:
    monkeypatch.setattr(config, "STAGE", "poc")
    for seconds in waits:
        wait(ago(seconds))
    faults.operations.clear()
    log_longest_wait("call-1")
    assert faults.operations == ["Query"]
    (line,) = log.lines("handover_wait")
    assert line["request_id"] == "call-1"
    assert shortest <= line["HandoverWait"] <= longest
    assert metrics_in(line) == [
        ("ItsmTickets", "HandoverWait", {"Stage": "poc"}, "Seconds", line["HandoverWait"])
    ]
    assert "word-x" not in log.text


def test_wait_ends_when_somebody_takes_the_ticket(
    wait: Wait, client: FlaskClient, log: Log
) -> None:
    ticket = wait(ago(60))
    client.patch(f"/tickets/{ticket}", json={"assignee": "anna.b"})
    log_longest_wait("call-1")
    (line,) = log.lines("handover_wait")
    assert line["HandoverWait"] == 0


def test_line_has_no_metrics_without_a_stage(wait: Wait, log: Log) -> None:
    log_longest_wait("call-1")
    (line,) = log.lines("handover_wait")
    assert not {"_aws", "Stage"} & line.keys()


@pytest.mark.parametrize(
    ("failures", "cause", "attempts"),
    [
        ([refuse(REFUSED)], REFUSED, 1),
        ([refuse("ThrottlingException")] * MAX_ATTEMPTS, "ThrottlingException", MAX_ATTEMPTS),
    ],
    ids=["refused", "throttled"],
)
def test_error_of_dynamodb_fails_the_measurement(
    wait: Wait,
    faults: FaultyDynamoDB,
    log: Log,
    failures: list[Fault],
    cause: str,
    attempts: int,
) -> None:
    faults.faults.extend(failures)
    # As after a request that has used all retries.
    retries.set(MAX_ATTEMPTS - 1)
    with pytest.raises(NotMeasured) as caught:
        log_longest_wait("call-1")
    assert caught.value.__context__ is None
    assert cause not in str(caught.value)
    (line,) = log.lines("storage_unavailable")
    assert (line["request_id"], line["cause"], line["attempts"]) == ("call-1", cause, attempts)
    assert log.lines("handover_wait") == []


def test_unexpected_error_fails_the_measurement_without_stored_values(wait: Wait, log: Log) -> None:
    wait("word-x")
    with pytest.raises(NotMeasured) as caught:
        log_longest_wait("call-1")
    assert caught.value.__context__ is None
    (line,) = log.lines("internal_error")
    assert line["request_id"] == "call-1"
    assert line["stack"][0] == "ValueError"
    assert "word-x" not in log.text
    assert "word-x" not in str(caught.value)
