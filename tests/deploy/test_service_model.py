"""Tests that botocore behaves the same with the reduced data files as with its own data files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from deploy.service_model import API, OPERATIONS, botocore_data, endpoints

KEY = {"ticket_id": {"S": "x"}}
ITEM = {
    **KEY,
    "comments": {"L": [{"M": {"comment_text": {"S": "Ωμέγα"}, "added_at": {"S": "now"}}}]},
    "size": {"N": "12"},
    "tags": {"SS": ["a", "b"]},
    "gone": {"NULL": True},
    "open": {"BOOL": False},
}
EXPRESSION = {
    "ExpressionAttributeNames": {"#0": "a"},
    "ExpressionAttributeValues": {":0": {"S": "b"}},
}
CAPACITY = {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.5}}
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "BatchGetItem": (
        {"RequestItems": {"t": {"Keys": [KEY], "ProjectionExpression": "a"}}},
        {"Responses": {"t": [ITEM]}, "UnprocessedKeys": {"t": {"Keys": [KEY]}}},
    ),
    "BatchWriteItem": (
        {"RequestItems": {"t": [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": KEY}}]}},
        {"UnprocessedItems": {"t": [{"DeleteRequest": {"Key": KEY}}]}},
    ),
    "DeleteItem": ({"Key": KEY}, CAPACITY),
    "GetItem": ({"Key": KEY, "ConsistentRead": True}, {"Item": ITEM, **CAPACITY}),
    "PutItem": ({"Item": ITEM, "ReturnConsumedCapacity": "TOTAL"}, CAPACITY),
    "Query": (
        {"IndexName": "index", "KeyConditionExpression": "#0 = :0", "Limit": 10, **EXPRESSION},
        {"Items": [ITEM, ITEM], "Count": 2, "ScannedCount": 2, "LastEvaluatedKey": KEY},
    ),
    "UpdateItem": (
        {"Key": KEY, "UpdateExpression": "SET #0 = :0", "ConditionExpression": "c", **EXPRESSION},
        {"Attributes": ITEM, **CAPACITY},
    ),
}
# The requests of these operations name their tables inside.
BATCHES = ("BatchGetItem", "BatchWriteItem")
ERRORS = ["ConditionalCheckFailedException", "ThrottlingException", "ValidationException"]


class FakeBody:
    """The body of a DynamoDB response."""

    def __init__(self, content: Any) -> None:
        self.content = json.dumps(content).encode()

    def stream(self, **_: Any) -> list[bytes]:
        return [self.content]


class FakeDynamoDB:
    """A botocore client and its server, which always sends `response`."""

    def __init__(self, data_path: Path | None = None) -> None:
        self.requests: list[Any] = []
        self.response: tuple[int, Any] = 200, {}
        session = botocore.session.Session()
        if data_path:
            session.register_component("data_loader", Loader([str(data_path)]))
        session.set_credentials("a", "b")
        config = Config(retries={"total_max_attempts": 1})
        self._client = session.create_client("dynamodb", "us-east-1", config=config)
        self._client.meta.events.register_first("before-send.dynamodb", self._respond)

    def _respond(self, request: Any, **_: Any) -> AWSResponse:
        self.requests.append(
            (request.method, request.url, request.body, request.headers["X-Amz-Target"])
        )
        status, body = self.response
        return AWSResponse(request.url, status, {"x-amzn-requestid": "r"}, FakeBody(body))

    def call(self, operation: str, request: Any, status: int, body: Any) -> Any:
        self.response = status, body
        return self._client._make_api_call(operation, request)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeDynamoDB, FakeDynamoDB]:
    """Create a client with only the reduced data files, and a client with botocore's files."""
    folder = tmp_path_factory.mktemp("data")
    for name, content in botocore_data().items():
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return FakeDynamoDB(folder), FakeDynamoDB()


def test_calls_of_this_module_cover_every_operation() -> None:
    assert set(CALLS) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_requests_and_responses_are_the_same(
    clients: tuple[FakeDynamoDB, FakeDynamoDB], operation: str
) -> None:
    reduced, full = clients
    request, response_body = CALLS[operation]
    request = request if operation in BATCHES else {"TableName": "t", **request}
    reduced_result = reduced.call(operation, request, 200, response_body)
    full_result = full.call(operation, request, 200, response_body)
    assert reduced.requests[-1] == full.requests[-1]
    assert reduced_result == full_result
    assert {name: reduced_result[name] for name in response_body} == response_body


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_errors_are_the_same(
    clients: tuple[FakeDynamoDB, FakeDynamoDB], operation: str, code: str
) -> None:
    request = CALLS[operation][0]
    request = request if operation in BATCHES else {"TableName": "t", **request}
    raised = []
    for client in clients:
        response_body = {"__type": f"com#{code}", "message": "why"}
        with pytest.raises(ClientError) as caught:
            client.call(operation, request, 400, response_body)
        raised.append((type(caught.value).__name__, caught.value.response))
    assert raised[0] == raised[1]
    assert raised[0][1]["Error"] == {"Code": code, "Message": "why"}


def test_dynamodb_endpoints_are_the_same() -> None:
    full = Loader().load_data("endpoints")
    reduced = endpoints(full)
    partitions = zip(full["partitions"], reduced["partitions"], strict=True)
    for original, partition in partitions:
        dynamodb = original["services"]["dynamodb"]
        assert partition == {**original, "services": {"dynamodb": dynamodb}}


def test_reduced_data_is_less_than_a_twentieth() -> None:
    full = json.dumps(Loader().load_data(f"{API}/service-2"))
    assert len(json.dumps(botocore_data()[f"{API}/service-2"])) < len(full) / 20
