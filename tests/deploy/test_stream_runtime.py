"""Tests of the stream handler in the Lambda package under AWS's Lambda runtime."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.package import write_zip
from itsm_app import config
from itsm_app.storage import search_index

from ..conftest import ON_MOTO
from ..support.lambda_runtime import LambdaRuntime, lambda_runtime
from .test_lambda_runtime import dynamodb_settings

pytestmark = [pytest.mark.runtime, ON_MOTO, pytest.mark.usefixtures("index")]

TICKET_ID = "0f9d5c1e-6b3a-5e0b-9d0e-3d3b8a5f4c2a"
TICKET = {
    "caller_id": {"S": "+15550100"},
    "issue_description": {"S": "My printer is on fire"},
    "status": {"S": "open"},
    "created_at": {"S": "2026-11-25T12:20:25.343883Z"},
    "updated_at": {"S": "2026-11-25T12:20:25.343883Z"},
    "comments": {"L": []},
}


def record(number: int, ticket_id: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return a record in the form of "Using Lambda with DynamoDB" in the AWS Lambda guide."""
    key = {"ticket_id": {"S": ticket_id}}
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1796000000,
            "Keys": key,
            "NewImage": {**key, **item},
            "SequenceNumber": f"{number:021}",
            "SizeBytes": 200,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/s",
    }


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "package.zip"
    write_zip(path)
    return path


@pytest.fixture
def runtime(package: Path, engine: str) -> Iterator[LambdaRuntime]:
    variables = {
        **dynamodb_settings(engine),
        "SEARCH_TABLE": config.SEARCH_TABLE,
        # The stream handler of a stage has no keys, and another timeout than the API.
        "API_KEYS": "",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
    }
    with lambda_runtime(package, "stream_handler.stream_handler", **variables) as runtime:
        yield runtime


def indexed_tokens() -> dict[str, set[str]]:
    """Return the tokens of the postings of each ticket."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for item in search_index.scan():
        if not item.partition.startswith("#"):
            ticket_id = search_index.ticket_id_at(item.position)
            found[ticket_id].add(item.partition.partition("#")[0])
    return found


def test_stream_handler_indexes_a_ticket(runtime: LambdaRuntime) -> None:
    event = {"Records": [record(1, TICKET_ID, TICKET)]}
    for _ in range(2):
        assert runtime.invoke(event) == {"batchItemFailures": []}
        assert {"printer", "fire", "0100"} <= indexed_tokens()[TICKET_ID]


def test_stream_handler_parks_a_change_that_it_cannot_process(runtime: LambdaRuntime) -> None:
    poison = {**TICKET, "comments": {"N": "5"}}
    event = {"Records": [record(1, "poison", poison), record(2, TICKET_ID, TICKET)]}
    for _ in range(2):
        failures = runtime.invoke(event)["batchItemFailures"]
        assert failures == [{"itemIdentifier": f"{1:021}"}]
        assert [*indexed_tokens()] == [TICKET_ID]
    assert runtime.invoke(event) == {"batchItemFailures": []}
    (parked,) = search_index.parked()
    assert (parked.ticket_id, parked.consumer) == ("poison", "search")
