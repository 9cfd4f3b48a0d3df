"""Tests of events of Amazon Connect: the Lambda package under AWS's Lambda runtime."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.package import write_zip
from itsm_app.config import TABLE_NAME

from ..conftest import ON_MOTO
from ..connect import contact_events
from ..connect.contact_events import (
    BEGUN,
    BOB,
    BOBS,
    CASES,
    INSTANCE,
    UNAVAILABLE,
    UNKNOWN_INSTANCE,
    Case,
    comparable,
    event,
)
from ..support import contact_tries
from ..support.contact_tries import TRIES, Try
from ..support.faulty_dynamodb import FaultyDynamoDB, at, hang
from ..support.lambda_runtime import LambdaRuntime, lambda_runtime

pytestmark = [pytest.mark.runtime, ON_MOTO, pytest.mark.usefixtures("engine")]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "package.zip"
    write_zip(path)
    return path


@pytest.fixture(scope="module")
def sandbox(package: Path, engine: str) -> Iterator[LambdaRuntime]:
    settings = {"AWS_ENDPOINT_URL_DYNAMODB": engine, "TABLE_NAME": TABLE_NAME}
    with lambda_runtime(package, **settings, CONNECT_INSTANCES=INSTANCE) as runtime:
        # The emulator starts the function at the first event.
        assert runtime.request("GET", "/tickets/x").status == 404
        yield runtime


@pytest.fixture(autouse=True)
def _stored(engine: str) -> None:
    contact_events.store()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_event_gets_exactly_this_response(sandbox: LambdaRuntime, case: Case) -> None:
    assert comparable(sandbox.invoke(case.event)) == case.response


@pytest.mark.parametrize("attempt", TRIES, ids=lambda attempt: attempt.label)
def test_caller_cannot_become_another_caller(sandbox: LambdaRuntime, attempt: Try) -> None:
    contact_tries.check(attempt, sandbox.invoke(attempt.event))


@pytest.mark.parametrize("number", range(len([*contact_tries.imitations()])))
def test_api_gateway_event_cannot_imitate_an_event_of_amazon_connect(
    sandbox: LambdaRuntime, number: int
) -> None:
    response = sandbox.invoke([*contact_tries.imitations()][number])
    assert "say" not in response
    assert response["statusCode"] < 500
    assert contact_tries.BOBS_WORDS not in json.dumps(response)
    contact_tries.check_unchanged()


def test_real_event_of_bob_reads_his_ticket(sandbox: LambdaRuntime) -> None:
    """The attempts above fail because of the caller, and not because of the ticket."""
    response = sandbox.invoke(event("get_ticket_status", BOB, ticket_number=BOBS))
    assert contact_tries.BOBS_WORDS in response["ticket_issue_description"]


@pytest.mark.parametrize("sent", [event("begin_call"), event("hand_over", ticket_number=BOBS)])
def test_hanging_dynamodb_gets_a_spoken_response_within_7_seconds(
    sandbox: LambdaRuntime, faults: FaultyDynamoDB, sent: Any
) -> None:
    faults.faults.extend([hang] * 3)
    start = time.monotonic()
    response = sandbox.invoke(sent)
    assert time.monotonic() - start < 7
    assert (response["code"], response["say"]) == ("storage_unavailable", UNAVAILABLE)


@pytest.mark.parametrize("hanging_reads", [0, 1, 2])
def test_begin_call_with_hanging_writes_responds_within_7_seconds(
    sandbox: LambdaRuntime, faults: FaultyDynamoDB, hanging_reads: int
) -> None:
    faults.faults.extend([hang] * hanging_reads)
    faults.faults.append(at("UpdateItem", hang))
    start = time.monotonic()
    response = sandbox.invoke(event("begin_call"))
    assert time.monotonic() - start < 7
    assert comparable(response) == BEGUN


def test_without_the_setting_every_event_is_rejected(package: Path, engine: str) -> None:
    settings = {"AWS_ENDPOINT_URL_DYNAMODB": engine, "TABLE_NAME": TABLE_NAME}
    with lambda_runtime(package, **settings) as runtime:
        for sent in (event("begin_call"), {"Name": "ContactFlowEvent"}):
            assert comparable(runtime.invoke(sent)) == UNKNOWN_INSTANCE
        assert runtime.request("GET", "/tickets/x").status == 404
