"""The small copy of botocore's data asks and understands as botocore's own does."""

from __future__ import annotations

import json
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
ERRORS = ["ConditionalCheckFailedException", "ThrottlingException", "ValidationException"]


class Answer:
    """What DynamoDB would send."""

    def __init__(self, content: Any) -> None:
        self.content = json.dumps(content).encode()

    def stream(self, **_: Any) -> list[bytes]:
        return [self.content]


def client(data_path: str | None, sent: list[Any], answer: Any, status: int) -> Any:
    session = botocore.session.Session()
    if data_path:
        session.register_component("data_loader", Loader([data_path]))
    session.set_credentials("a", "b")
    once = Config(retries={"total_max_attempts": 1})
    made = session.create_client("dynamodb", "us-east-1", config=once)

    def respond(request: Any, **_: Any) -> AWSResponse:
        sent.append((request.method, request.url, request.body, request.headers["X-Amz-Target"]))
        return AWSResponse(request.url, status, {"x-amzn-requestid": "r"}, Answer(answer))

    made.meta.events.register("before-send.dynamodb", respond)
    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the small data alone, in place of botocore's."""
    folder = tmp_path_factory.mktemp("data")
    for name, content in botocore_data().items():
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return str(folder)


def test_there_is_a_call_for_each_operation() -> None:
    assert set(CALLS) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_asks_and_understands_alike(small: str, operation: str) -> None:
    request, answer = CALLS[operation]
    request = {"TableName": "t", **request}
    sent: list[Any] = []
    ours = client(small, sent, answer, 200)._make_api_call(operation, request)
    theirs = client(None, sent, answer, 200)._make_api_call(operation, request)
    assert sent[0] == sent[1]
    assert ours == theirs
    assert {name: ours[name] for name in answer} == answer


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_understands_errors_alike(small: str, operation: str, code: str) -> None:
    request = {"TableName": "t", **CALLS[operation][0]}
    raised = []
    for data_path in (small, None):
        made = client(data_path, [], {"__type": f"com#{code}", "message": "why"}, 400)
        with pytest.raises(ClientError) as caught:
            made._make_api_call(operation, request)
        raised.append((type(caught.value).__name__, caught.value.response))
    assert raised[0] == raised[1]
    assert raised[0][1]["Error"] == {"Code": code, "Message": "why"}


def test_dynamodb_is_where_botocore_knows_it() -> None:
    full = Loader().load_data("endpoints")
    small = endpoints(full)
    for theirs, ours in zip(full["partitions"], small["partitions"], strict=True):
        assert ours == {**theirs, "services": {"dynamodb": theirs["services"]["dynamodb"]}}


def test_it_is_small() -> None:
    full = json.dumps(Loader().load_data(f"{API}/service-2"))
    assert len(json.dumps(botocore_data()[f"{API}/service-2"])) < len(full) / 20
