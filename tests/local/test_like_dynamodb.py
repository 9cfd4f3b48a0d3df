"""The same requests to the embedded DynamoDB and, with `-m storage`, to DynamoDB Local."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session, get_session

from itsm_app.local.botocore_hook import engine, use_engine

from ..support.dynamodb_local import dynamodb_local

ATTRIBUTES = [{"AttributeName": name, "AttributeType": "S"} for name in ("p", "s")]
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
NO_STREAM = {"StreamEnabled": False}
INVALID = "ValidationException"
# What a response has besides its data, and what differs from one record to the next.
VARYING = {
    *("ResponseMetadata", "ConsumedCapacity", "ApproximateCreationDateTime", "SequenceNumber"),
    *("eventID", "eventSourceARN", "awsRegion"),
}


class DynamoDB(NamedTuple):
    """A client of a DynamoDB, and a function that returns the stream records of a table."""

    client: Any
    records: Callable[[str], list[Any]]

    def create_table(self, **options: Any) -> str:
        """Create a table with a partition key and a sort key, and return its name."""
        name = f"table-{uuid4()}"
        keys = [
            {"AttributeName": "p", "KeyType": "HASH"},
            {"AttributeName": "s", "KeyType": "RANGE"},
        ]
        self.client.create_table(
            TableName=name,
            AttributeDefinitions=ATTRIBUTES,
            KeySchema=keys,
            BillingMode="PAY_PER_REQUEST",
            **options,
        )
        return name

    def ask(self, operation: str, **request: Any) -> Any:
        """Send a request. Return the data of the response, or the code of the error."""
        try:
            return comparable(getattr(self.client, operation)(**request))
        except ClientError as error:
            return error.response["Error"]["Code"]


def comparable(value: Any) -> Any:
    """Return a response without what differs from one DynamoDB to the other."""
    match value:
        case dict():
            return {name: comparable(each) for name, each in value.items() if name not in VARYING}
        case [str(), *_]:
            return sorted(value)
        case list():
            return [*map(comparable, value)]
    return value


def local_client(session: Session, service: str, url: str) -> Any:
    return session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("dynamodb_local", marks=pytest.mark.storage)],
)
def dynamodb(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DynamoDB]:
    session = get_session()
    if request.param == "embedded":
        folder: Path = tmp_path_factory.mktemp("dynamodb")
        use_engine(session, folder)
        client = local_client(session, "dynamodb", "http://127.0.0.1:1")
        yield DynamoDB(client, engine(folder).read_changes)
    else:
        with dynamodb_local() as url:
            client = local_client(session, "dynamodb", url)
            streams = local_client(session, "dynamodbstreams", url)

            def records(name: str) -> list[Any]:
                arn = client.describe_table(TableName=name)["Table"]["LatestStreamArn"]
                (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
                iterator = streams.get_shard_iterator(
                    StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
                found: list[Any] = streams.get_records(ShardIterator=iterator)["Records"]
                return found

            yield DynamoDB(client, records)


@pytest.fixture
def table(dynamodb: DynamoDB) -> str:
    return dynamodb.create_table()


def key(sort: str, partition: str = "a") -> dict[str, Any]:
    return {"p": {"S": partition}, "s": {"S": sort}}


def put(sort: str, **attributes: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": {**key(sort), **attributes}}}


def delete(sort: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": key(sort)}}


def texts(*members: str) -> dict[str, Any]:
    return {"SS": [*members]}


SORTS = ["d", "d!", "d!\U0010ffff", "d\ud7ff", "d\ue000", "d\U0010ffff", "d\U0010ffffz", "e", "f"]


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("", [], SORTS),
        ("s = :a", ["e"], ["e"]),
        ("s = :a", ["x"], []),
        ("s < :a", ["d!"], ["d"]),
        ("s <= :a", ["d!"], ["d", "d!"]),
        ("s > :a", ["e"], ["f"]),
        ("s >= :a", ["e"], ["e", "f"]),
        ("s BETWEEN :a AND :b", ["d\U0010ffffz", "e"], ["d\U0010ffffz", "e"]),
        ("s BETWEEN :a AND :b", ["e", "e"], ["e"]),
        ("begins_with(s, :a)", ["d"], SORTS[:7]),
        ("begins_with(s, :a)", ["d!"], SORTS[1:3]),
        ("begins_with(s, :a)", ["d\ud7ff"], ["d\ud7ff"]),
        ("begins_with(s, :a)", ["d\U0010ffff"], SORTS[5:7]),
        ("begins_with(s, :a)", ["\U0010ffff"], []),
        ("s BETWEEN :a AND :b", ["f", "e"], INVALID),
        ("s >= :a", [""], INVALID),
        ("begins_with(s, :a)", [""], INVALID),
        ("s > :a AND s < :b", ["d", "f"], INVALID),
        ("x > :a", ["d"], INVALID),
    ],
)
def test_query_of_a_table_without_indexes(
    dynamodb: DynamoDB, table: str, condition: str, values: list[str], expected: Any
) -> None:
    for sort in SORTS:
        dynamodb.ask("put_item", TableName=table, Item=key(sort))
        dynamodb.ask("put_item", TableName=table, Item=key(sort, partition="aa"))
    names = dict(zip((":a", ":b"), ({"S": text} for text in values), strict=False))
    request = {
        "TableName": table,
        "KeyConditionExpression": " AND ".join(filter(None, ["p = :p", condition])),
        "ExpressionAttributeValues": {":p": {"S": "a"}, **names},
        "ProjectionExpression": "s",
        "ConsistentRead": True,
    }
    if expected == INVALID:
        assert dynamodb.ask("query", **request) == INVALID
        return
    for is_forward in (True, False):
        for limit in (1, 2, 100):
            found, options = [], {"ScanIndexForward": is_forward, "Limit": limit}
            while True:
                page = dynamodb.ask("query", **request, **options)
                assert len(page["Items"]) <= limit
                found += [each["s"]["S"] for each in page["Items"]]
                if "LastEvaluatedKey" not in page:
                    break
                assert page["LastEvaluatedKey"] == key(found[-1])
                options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            assert found == (expected if is_forward else expected[::-1])


def test_filter_is_applied_after_the_limit(dynamodb: DynamoDB, table: str) -> None:
    for number in range(4):
        item = {**key(str(number)), "n": {"N": str(number)}}
        dynamodb.ask("put_item", TableName=table, Item=item)
    request = {
        "TableName": table,
        "KeyConditionExpression": "p = :p",
        "FilterExpression": "n > :n",
        "ExpressionAttributeValues": {":p": {"S": "a"}, ":n": {"N": "1"}},
    }
    page = dynamodb.ask("query", **request, Limit=3)
    assert page == {
        "Items": [{**key("2"), "n": {"N": "2"}}],
        "Count": 1,
        "ScannedCount": 3,
        "LastEvaluatedKey": key("2"),
    }


def test_scan_of_a_table_without_indexes(dynamodb: DynamoDB, table: str) -> None:
    expected = [key(sort, partition) for partition in "ab" for sort in "123"]
    for item in expected:
        dynamodb.ask("put_item", TableName=table, Item=item)
    found, options = [], {"Limit": 2}
    while True:
        page = dynamodb.ask("scan", TableName=table, **options)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert sorted(found, key=str) == expected


def test_batch_get_returns_the_items_that_exist(dynamodb: DynamoDB, table: str) -> None:
    other = dynamodb.create_table()
    for name in (table, other):
        dynamodb.ask("put_item", TableName=name, Item={**key("1"), "x": texts("b", "a")})
    requests = {
        table: {
            "Keys": [key("1"), key("2")],
            "ProjectionExpression": "#x",
            "ExpressionAttributeNames": {"#x": "x"},
            "ConsistentRead": True,
        },
        other: {"Keys": [key("1")]},
    }
    assert dynamodb.ask("batch_get_item", RequestItems=requests) == {
        "Responses": {table: [{"x": texts("a", "b")}], other: [{**key("1"), "x": texts("a", "b")}]},
        "UnprocessedKeys": {},
    }
    absent = {table: {"Keys": [key("2")]}}
    assert dynamodb.ask("batch_get_item", RequestItems=absent) == {
        "Responses": {table: []},
        "UnprocessedKeys": {},
    }


def test_batch_get_leaves_the_keys_after_16_mb(dynamodb: DynamoDB, table: str) -> None:
    keys = [key(f"{number:02}") for number in range(43)]
    for each in keys:
        dynamodb.ask("put_item", TableName=table, Item={**each, "x": {"S": "x" * 400_000}})
    part = {"Keys": keys, "ProjectionExpression": "s"}
    page = dynamodb.ask("batch_get_item", RequestItems={table: part})
    found, left = page["Responses"][table], page["UnprocessedKeys"][table]
    assert len(found) == 41
    assert left["ProjectionExpression"] == "s"
    assert sorted(each["s"]["S"] for each in found + left["Keys"]) == [
        each["s"]["S"] for each in keys
    ]
    page = dynamodb.ask("batch_get_item", RequestItems={table: left})
    assert sorted(page["Responses"][table], key=str) == [{"s": each["s"]} for each in left["Keys"]]
    assert page["UnprocessedKeys"] == {}


def test_batch_write_stores_and_deletes(dynamodb: DynamoDB, table: str) -> None:
    other = dynamodb.create_table()
    writes = {table: [put("1"), put("2"), delete("absent")], other: [put("1", x={"S": "y"})]}
    assert dynamodb.ask("batch_write_item", RequestItems=writes) == {"UnprocessedItems": {}}
    writes = {table: [put("1", x={"S": "y"}), delete("2")], other: [delete("1")]}
    assert dynamodb.ask("batch_write_item", RequestItems=writes) == {"UnprocessedItems": {}}
    assert dynamodb.ask("scan", TableName=table)["Items"] == [{**key("1"), "x": {"S": "y"}}]
    assert dynamodb.ask("scan", TableName=other)["Items"] == []


@pytest.mark.parametrize(
    ("operation", "part", "expected"),
    [
        ("batch_get_item", {"Keys": [key("1"), key("2"), key("1")]}, INVALID),
        ("batch_get_item", {"Keys": [key(f"{number}") for number in range(101)]}, INVALID),
        ("batch_get_item", {"Keys": [{"p": {"S": "a"}}]}, INVALID),
        ("batch_get_item", None, INVALID),
        ("batch_write_item", [put("1"), delete("1")], INVALID),
        ("batch_write_item", [put(f"{number}") for number in range(26)], INVALID),
        ("batch_write_item", [put("1"), put("")], INVALID),
        ("batch_write_item", [put("1"), {}], INVALID),
        ("batch_write_item", [{**put("1"), **delete("2")}], INVALID),
        ("batch_write_item", [put("1", x=texts())], INVALID),
        ("batch_write_item", None, INVALID),
    ],
)
def test_rejected_batch_changes_nothing(
    dynamodb: DynamoDB, table: str, operation: str, part: Any, expected: str
) -> None:
    requests = {} if part is None else {table: part}
    assert dynamodb.ask(operation, RequestItems=requests) == expected
    assert dynamodb.ask("scan", TableName=table)["Items"] == []


def test_batch_with_a_table_that_does_not_exist_changes_nothing(
    dynamodb: DynamoDB, table: str
) -> None:
    for operation, part in (
        ("batch_get_item", {"Keys": [key("1")]}),
        ("batch_write_item", [put("1")]),
    ):
        requests = {table: part, "no-such-table": part}
        found = dynamodb.ask(operation, RequestItems=requests)
        assert found == "ResourceNotFoundException"
    assert dynamodb.ask("scan", TableName=table)["Items"] == []


BEFORE = {**key("1"), "n": {"N": "1"}, "x": texts("a", "b"), "y": {"S": "y"}}


@pytest.mark.parametrize(
    ("expression", "value", "returned", "attributes"),
    [
        ("ADD x :v", texts("b", "c"), "UPDATED_NEW", {"x": texts("a", "b", "c")}),
        ("ADD fresh :v", texts("b", "c"), "UPDATED_NEW", {"fresh": texts("b", "c")}),
        ("ADD fresh :v", {"NS": ["1", "2"]}, "UPDATED_NEW", {"fresh": {"NS": ["1", "2"]}}),
        ("DELETE x :v", texts("b", "c"), "UPDATED_NEW", {"x": texts("a")}),
        ("DELETE x :v", texts("b", "a"), "UPDATED_NEW", None),
        ("DELETE fresh :v", texts("b"), "ALL_NEW", BEFORE),
        ("ADD x :v", texts(), "NONE", INVALID),
        ("DELETE x :v", texts(), "NONE", INVALID),
        ("DELETE x :v", {"S": "a"}, "NONE", INVALID),
        ("DELETE x :v", {"NS": ["1"]}, "NONE", INVALID),
        ("DELETE y :v", texts("y"), "NONE", INVALID),
        ("ADD x :v DELETE x :v", texts("a"), "NONE", INVALID),
        ("SET y = :v", {"S": "z"}, "ALL_OLD", BEFORE),
        ("SET y = :v", {"S": "z"}, "ALL_NEW", {**BEFORE, "y": {"S": "z"}}),
        ("SET y = :v REMOVE x", {"S": "z"}, "UPDATED_NEW", {"y": {"S": "z"}}),
        ("SET y = :v", {"S": "z"}, "NONE", None),
        ("SET y = :v", {"S": "z"}, "ALL", INVALID),
        ("SET y = :v", texts(), "NONE", INVALID),
    ],
)
def test_update_returns_what_it_changed(
    dynamodb: DynamoDB, table: str, expression: str, value: Any, returned: str, attributes: Any
) -> None:
    dynamodb.ask("put_item", TableName=table, Item=BEFORE)
    response = dynamodb.ask(
        "update_item",
        TableName=table,
        Key=key("1"),
        UpdateExpression=expression,
        ExpressionAttributeValues={":v": value},
        ReturnValues=returned,
    )
    if attributes == INVALID:
        assert response == INVALID
        assert dynamodb.ask("get_item", TableName=table, Key=key("1")) == {"Item": BEFORE}
    else:
        assert response == ({"Attributes": attributes} if attributes else {})


@pytest.mark.parametrize(
    ("expression", "created"), [("ADD x :v", {"x": texts("a")}), ("DELETE x :v", {})]
)
def test_update_of_a_missing_item_creates_it(
    dynamodb: DynamoDB, table: str, expression: str, created: Any
) -> None:
    request = {
        "TableName": table,
        "Key": key("1"),
        "UpdateExpression": expression,
        "ExpressionAttributeValues": {":v": texts("a")},
    }
    assert dynamodb.ask("update_item", **request, ReturnValues="ALL_OLD") == {}
    found = dynamodb.ask("get_item", TableName=table, Key=key("1"))
    assert found == {"Item": {**key("1"), **created}}


def test_put_and_delete_return_the_old_item(dynamodb: DynamoDB, table: str) -> None:
    def old(operation: str, returned: str = "ALL_OLD", **request: Any) -> Any:
        return dynamodb.ask(operation, TableName=table, ReturnValues=returned, **request)

    changed = {**key("1"), "b": {"BS": [b"\xff"]}}
    assert old("put_item", Item=BEFORE) == {}
    assert old("put_item", Item=changed) == {"Attributes": BEFORE}
    for returned in ("ALL_NEW", "UPDATED_NEW"):
        assert old("put_item", returned, Item=BEFORE) == INVALID
        assert old("delete_item", returned, Key=key("1")) == INVALID
    assert old("delete_item", Key=key("1")) == {"Attributes": changed}
    assert old("delete_item", Key=key("1")) == {}


def test_description_has_only_what_the_table_has(dynamodb: DynamoDB, table: str) -> None:
    def described() -> dict[str, Any]:
        found = dynamodb.client.describe_table(TableName=table)["Table"]
        return {name: found[name] for name in found if "Index" in name or "Stream" in name}

    def update(**change: Any) -> Any:
        return dynamodb.ask("update_table", TableName=table, **change)

    assert described() == {}
    assert update(StreamSpecification=NO_STREAM) == INVALID
    assert update(StreamSpecification={"StreamEnabled": True}) == INVALID
    assert update() == INVALID
    assert described() == {}
    update(StreamSpecification=STREAM)
    enabled = described()
    assert enabled.pop("LatestStreamArn").endswith(f"{table}/stream/{enabled['LatestStreamLabel']}")
    label = enabled.pop("LatestStreamLabel")
    assert enabled == {"StreamSpecification": STREAM}
    assert update(StreamSpecification=STREAM) == INVALID
    assert described()["LatestStreamLabel"] == label
    update(StreamSpecification=NO_STREAM)
    assert described().keys() == {"LatestStreamArn", "LatestStreamLabel"}
    assert update(StreamSpecification=NO_STREAM) == INVALID


def test_index_is_added_to_a_table_without_indexes(dynamodb: DynamoDB, table: str) -> None:
    dynamodb.ask("put_item", TableName=table, Item=key("1"))
    index = {
        "IndexName": "by-sort",
        "KeySchema": [{"AttributeName": "s", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    dynamodb.client.update_table(
        TableName=table,
        AttributeDefinitions=ATTRIBUTES,
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )
    found = dynamodb.client.describe_table(TableName=table)["Table"]
    assert [each["IndexName"] for each in found["GlobalSecondaryIndexes"]] == ["by-sort"]


def test_stream_has_a_record_of_each_change(dynamodb: DynamoDB) -> None:
    table = dynamodb.create_table(StreamSpecification=STREAM)

    def write(operation: str, **request: Any) -> None:
        response = dynamodb.ask(operation, TableName=table, **request)
        assert isinstance(response, dict), response

    item = {**key("1"), "n": {"N": "10"}, "x": texts("a", "b")}
    changed = {**item, "m": {"M": {"é": {"L": [{"BOOL": True}, {"NULL": True}]}}}}
    write("put_item", Item=item)
    # Neither the order of a set nor the form of a number is a change.
    write("put_item", Item={**item, "x": texts("b", "a"), "n": {"N": "10.0"}})
    write("put_item", Item=item)
    write("put_item", Item=changed)
    update = {"Key": key("1"), "UpdateExpression": "DELETE x :v"}
    write("update_item", **update, ExpressionAttributeValues={":v": texts("b", "z")})
    write("update_item", **update, ExpressionAttributeValues={":v": texts("b", "z")})
    write("delete_item", Key=key("1"))
    write("delete_item", Key=key("1"))
    failed = {"Item": item, "ConditionExpression": "attribute_exists(p)"}
    assert isinstance(dynamodb.ask("put_item", TableName=table, **failed), str)
    writes = {table: [put("2"), delete("1"), put("3")]}
    dynamodb.ask("batch_write_item", RequestItems=writes)
    dynamodb.ask("batch_write_item", RequestItems={table: [put("2"), delete("3")]})

    less = {**changed, "x": texts("a")}
    expected = [
        ("INSERT", None, item, 14),
        ("MODIFY", item, changed, 38),
        ("MODIFY", changed, less, 51),
        ("REMOVE", less, None, 27),
        ("INSERT", None, key("2"), 8),
        ("INSERT", None, key("3"), 8),
        ("REMOVE", key("3"), None, 8),
    ]
    records = dynamodb.records(table)
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert numbers == sorted({*numbers})
    assert all(len(number) == 21 and number.isdigit() for number in numbers)
    assert len({record["eventID"] for record in records}) == len(records)
    for record, (name, old, new, size) in zip(records, expected, strict=True):
        images = {"OldImage": old, "NewImage": new}
        assert comparable(record) == {
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": {each: (old or new)[each] for each in "ps"},
                **{each: image for each, image in images.items() if image},
                "SizeBytes": size,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }
