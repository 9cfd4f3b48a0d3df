"""Tests of the embedded DynamoDB's operations, in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from itsm_app.config import TABLE_NAME
from itsm_app.local import engine as engine_module
from itsm_app.local.database import FILE
from itsm_app.local.engine import Engine
from itsm_app.local.errors import EngineError
from itsm_app.storage.retry import MAX_ATTEMPTS
from itsm_app.storage.table import DEFINITION

from ..support.flask_run import command

NAME = "tickets"
TIME = "2026-02-09T12:20:25.{:06}Z"


class Client:
    """Sends requests to an engine for one table."""

    def __init__(self, engine: Engine, name: str = NAME) -> None:
        self.engine = engine
        self._name = name

    def ask(self, operation: str, **request: Any) -> Any:
        body = {"TableName": self._name, **request}
        return self.engine.answer(operation, json.dumps(body).encode())

    def refused(self, operation: str, **request: Any) -> EngineError:
        """Send a request that fails, and return its error."""
        with pytest.raises(EngineError) as error:
            self.ask(operation, **request)
        return error.value

    def put(self, number: int, **attributes: Any) -> Any:
        return self.ask("PutItem", Item=item(number, **attributes))

    def query(self, **request: Any) -> Any:
        """Query the tickets of the caller `a`."""
        defaults = {
            "IndexName": "CallerIdIndex",
            "KeyConditionExpression": "caller_id = :caller",
            "ExpressionAttributeValues": {":caller": {"S": "a"}},
        }
        return self.ask("Query", **{**defaults, **request})

    def pages(self, operation: str, **request: Any) -> list[list[str]]:
        """Return the ids of each page."""
        pages: list[list[str]] = []
        start: dict[str, Any] = {}
        while True:
            page = (
                self.query(**start, **request)
                if operation == "Query"
                else self.ask(operation, **start, **request)
            )
            pages.append(ids(page))
            if "LastEvaluatedKey" not in page:
                return pages
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def item(number: int, **attributes: Any) -> dict[str, Any]:
    texts = {"ticket_id": f"{number:03}", "caller_id": "a", "status": "open"}
    texts["created_at"] = TIME.format(number)
    return {**{name: {"S": text} for name, text in texts.items()}, **attributes}


def joined(pages: Iterable[list[str]]) -> list[str]:
    return [*chain.from_iterable(pages)]


def ids(response: Any) -> list[str]:
    return [each["ticket_id"]["S"] for each in response["Items"]]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    client = Client(Engine(tmp_path / "data"))
    client.ask("CreateTable", **DEFINITION)
    return client


def reopened(tmp_path: Path) -> Client:
    """Return a client of another engine on the same folder, as in another process."""
    return Client(Engine(tmp_path / "data"))


def test_stores_and_returns_an_item(client: Client, tmp_path: Path) -> None:
    client.put(1, x={"M": {"y": {"L": [{"NULL": True}, {"N": "1.5"}, {"S": "Ω\u0000😀\u2028"}]}}})
    for each in (client, reopened(tmp_path)):
        assert each.ask("GetItem", Key={"ticket_id": {"S": "001"}}) == {
            "Item": item(
                1, x={"M": {"y": {"L": [{"NULL": True}, {"N": "1.5"}, {"S": "Ω\u0000😀\u2028"}]}}}
            )
        }
    assert client.ask("GetItem", Key={"ticket_id": {"S": "1"}}) == {}


def test_returns_binary_values_as_bytes(client: Client) -> None:
    values = {"B": "/wA="}, {"BS": ["eA==", "AA=="]}, {"L": [{"B": "eA=="}, {"S": "eA=="}]}
    client.put(1, a=values[0], b=values[1], c={"M": {"d": values[2]}})
    found = client.ask("GetItem", Key={"ticket_id": {"S": "001"}})["Item"]
    assert found == item(
        1,
        a={"B": b"\xff\x00"},
        b={"BS": [b"x", b"\x00"]},
        c={"M": {"d": {"L": [{"B": b"x"}, {"S": "eA=="}]}}},
    )
    key = {"ticket_id": {"S": "001"}}
    client.ask(
        "UpdateItem", Key=key, UpdateExpression="SET #s = a", ExpressionAttributeNames={"#s": "e"}
    )
    assert client.ask("GetItem", Key=key)["Item"] == {**found, "e": {"B": b"\xff\x00"}}


def test_put_replaces_an_item_also_in_the_indexes(client: Client) -> None:
    client.put(1, x={"S": "old"})
    client.put(1, status={"S": "closed"})
    assert ids(client.query()) == ["001"]
    by_status = {
        "IndexName": "StatusIndex",
        "KeyConditionExpression": "#status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
    }
    for status, expected in (("open", []), ("closed", ["001"])):
        values = {":status": {"S": status}}
        assert ids(client.query(**by_status, ExpressionAttributeValues=values)) == expected


def test_index_returns_the_projected_attributes_as_they_are_now(client: Client) -> None:
    client.put(1, priority={"S": "high"}, comments={"L": []}, assignee={"S": "anna"})
    request = {
        "IndexName": "StatusIndex",
        "KeyConditionExpression": "#status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":status": {"S": "open"}},
    }
    (found,) = client.query(**request)["Items"]
    assert found == item(1, priority={"S": "high"}, assignee={"S": "anna"})
    client.ask(
        "UpdateItem",
        Key={"ticket_id": {"S": "001"}},
        UpdateExpression="SET priority = :low REMOVE assignee",
        ExpressionAttributeValues={":low": {"S": "low"}},
    )
    (found,) = client.query(**request)["Items"]
    assert found == item(1, priority={"S": "low"})
    (found,) = client.query()["Items"]
    assert found == item(1, priority={"S": "low"}, comments={"L": []})


def test_item_without_an_index_key_is_not_in_the_index(client: Client) -> None:
    client.ask("PutItem", Item={"ticket_id": {"S": "x"}, "caller_id": {"S": "a"}})
    assert client.query()["Items"] == []
    assert ids(client.ask("Scan")) == ["x"]
    client.put(2)
    key = {"ticket_id": {"S": "002"}}
    client.ask("UpdateItem", Key=key, UpdateExpression="REMOVE created_at")
    assert client.query()["Items"] == []


def test_failed_condition_changes_nothing(client: Client) -> None:
    client.put(1)
    condition = {"ConditionExpression": "attribute_not_exists(ticket_id)"}
    key = {"ticket_id": {"S": "001"}}
    for operation, request in (
        ("PutItem", {"Item": item(1, x={"S": "new"})}),
        ("UpdateItem", {"Key": key, "UpdateExpression": "REMOVE caller_id"}),
        ("DeleteItem", {"Key": key}),
    ):
        error = client.refused(operation, **request, **condition)
        assert (error.code, error.status) == ("ConditionalCheckFailedException", 400)
    assert client.ask("GetItem", Key=key) == {"Item": item(1)}


def test_update_creates_a_missing_item(client: Client) -> None:
    """As DynamoDB does. The app adds a condition."""
    request = {
        "Key": {"ticket_id": {"S": "new"}},
        "UpdateExpression": "ADD revision :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    assert client.ask("UpdateItem", **request) == {}
    updated = client.ask("UpdateItem", **request, ReturnValues="ALL_NEW")
    assert updated == {"Attributes": {"ticket_id": {"S": "new"}, "revision": {"N": "2"}}}


def test_delete_removes_an_item_from_table_and_indexes(client: Client) -> None:
    client.put(1)
    for _ in range(2):
        assert client.ask("DeleteItem", Key={"ticket_id": {"S": "001"}}) == {}
        assert client.query()["Items"] == client.ask("Scan")["Items"] == []


@pytest.mark.parametrize("is_forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_have_every_item_once_in_either_direction(
    client: Client, is_forward: bool, limit: int
) -> None:
    # Several items with the same range key, and others of another caller between them.
    for number in range(7):
        client.put(number, created_at={"S": TIME.format(number // 3)})
        client.put(number + 100, caller_id={"S": "b"})
    expected = [f"{number:03}" for number in range(7)]
    pages = client.pages("Query", Limit=limit, ScanIndexForward=is_forward)
    assert joined(pages) == (expected if is_forward else expected[::-1])
    assert all(len(page) == limit for page in pages[:-1])
    values = {":caller": {"S": "a"}, ":since": {"S": TIME.format(1)}}
    pages = client.pages(
        "Query",
        Limit=limit,
        ScanIndexForward=is_forward,
        KeyConditionExpression="caller_id = :caller AND created_at >= :since",
        ExpressionAttributeValues=values,
    )
    assert joined(pages) == (expected[3:] if is_forward else expected[:2:-1])
    assert sorted(joined(client.pages("Scan", Limit=limit))) == sorted(
        expected + [f"{number + 100}" for number in range(7)]
    )


def test_query_returns_the_items_whose_range_key_begins_with_a_text(client: Client) -> None:
    for number, created_at in enumerate(["2", "3", "3 a", "3 \U0010ffff", "3!", "4"]):
        client.put(number, created_at={"S": created_at})
    for is_forward in (True, False):
        pages = client.pages(
            "Query",
            Limit=1,
            ScanIndexForward=is_forward,
            KeyConditionExpression="(caller_id = :caller AND begins_with (created_at, :prefix))",
            ExpressionAttributeValues={":caller": {"S": "a"}, ":prefix": {"S": "3 "}},
        )
        assert joined(pages) == (["002", "003"] if is_forward else ["003", "002"])


def test_paging_continues_after_an_item_that_was_deleted(client: Client) -> None:
    for number in range(4):
        client.put(number)
    page = client.query(Limit=2)
    client.ask("DeleteItem", Key={"ticket_id": {"S": "001"}})
    client.put(9, created_at={"S": TIME.format(0)})
    start = page["LastEvaluatedKey"]
    assert start == {name: item(1)[name] for name in ("ticket_id", "caller_id", "created_at")}
    assert ids(client.query(ExclusiveStartKey=start)) == ["002", "003"]


def test_page_ends_after_1_mb(client: Client) -> None:
    for number in range(6):
        client.put(number, text={"S": "x" * 300_000})
    expected = [["000", "001", "002", "003"], ["004", "005"]]
    assert client.pages("Query") == client.pages("Scan") == expected


def test_page_counts_items_before_the_filter(client: Client) -> None:
    for number in range(5):
        client.put(number, x={"N": str(number)})
    values = {":caller": {"S": "a"}, ":three": {"N": "3"}}
    request = {"FilterExpression": "x >= :three", "ExpressionAttributeValues": values}
    page = client.query(Limit=4, **request)
    assert (ids(page), page["Count"], page["ScannedCount"]) == (["003"], 1, 4)
    assert client.pages("Query", Limit=2, **request) == [[], ["003"], ["004"]]


def test_query_and_scan_return_the_projection(client: Client) -> None:
    client.put(1, x={"S": "y"})
    request = {"ProjectionExpression": "#x", "ExpressionAttributeNames": {"#x": "x"}}
    assert client.query(**request)["Items"] == [{"x": {"S": "y"}}]
    assert client.ask("Scan", **request)["Items"] == [{"x": {"S": "y"}}]
    found = client.ask("GetItem", Key={"ticket_id": {"S": "001"}}, **request)
    assert found == {"Item": {"x": {"S": "y"}}}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("PutItem", {"Item": {"caller_id": {"S": "a"}}}),
        ("PutItem", {"Item": item(1, ticket_id={"S": ""})}),
        ("PutItem", {"Item": item(1, ticket_id={"N": "1"})}),
        ("PutItem", {"Item": item(1, ticket_id={"S": "é" * 1025})}),
        ("PutItem", {"Item": item(1, caller_id={"S": ""})}),
        ("PutItem", {"Item": item(1, caller_id={"S": "x" * 2049})}),
        ("PutItem", {"Item": item(1, created_at={"S": "x" * 1025})}),
        ("PutItem", {"Item": item(1, status={"N": "1"})}),
        ("GetItem", {"Key": {"ticket_id": {"S": ""}}}),
        ("UpdateItem", {"Key": {"ticket_id": {"S": "1"}}, "UpdateExpression": "REMOVE ticket_id"}),
        ("UpdateItem", {"Key": {"ticket_id": {"S": "1"}}, "UpdateExpression": "SET status = x"}),
        ("Query", {"KeyConditionExpression": "ticket_id = :x"}),
        ("Query", {"IndexName": "x", "KeyConditionExpression": "ticket_id = :x"}),
        ("Scan", {"ExclusiveStartKey": {"x": {"S": "1"}}}),
    ],
)
def test_rejects_invalid_requests(client: Client, operation: str, request_: dict[str, Any]) -> None:
    error = client.refused(operation, **request_)
    assert (error.code, error.status) == ("ValidationException", 400)
    assert client.ask("Scan")["Items"] == []


def test_longest_keys_are_accepted(client: Client) -> None:
    client.put(
        1, ticket_id={"S": "é" * 1024}, caller_id={"S": "x" * 2048}, created_at={"S": "x" * 1024}
    )
    assert client.ask("Scan")["Count"] == 1


# "DynamoDB item sizes and formats" in the DynamoDB Developer Guide. DynamoDB Local agrees, see
# test_like_dynamodb.py.
SIZES: list[tuple[dict[str, Any], int]] = [
    ({"x": {"S": "é"}}, 3),
    ({"é": {"N": "12345"}}, 6),
    ({"x": {"B": "AAAA"}}, 4),
    ({"x": {"SS": ["a", "b"]}}, 3),
    ({"x": {"NS": ["1", "22"]}}, 5),
    ({"x": {"BS": ["AAAA"]}}, 4),
    ({"x": {"BOOL": True}, "y": {"NULL": True}}, 4),
    ({"x": {"L": [{"S": "a"}, {"M": {"y": {"S": "b"}}}]}}, 13),
]


@pytest.mark.parametrize(("attributes", "size"), SIZES)
def test_item_has_at_most_400_kb(client: Client, attributes: dict[str, Any], size: int) -> None:
    key = len("ticket_id") + 3
    longest = 400 * 1024 - size - key - len("text")
    base = {"ticket_id": {"S": "001"}, **attributes}
    client.ask("PutItem", Item={**base, "text": {"S": "x" * longest}})
    error = client.refused("PutItem", Item={**base, "text": {"S": "x" * (longest + 1)}})
    assert error.code == "ValidationException"
    assert "Item size" in error.message


def test_many_short_values_count_without_the_syntax_of_json(client: Client) -> None:
    entry = {"M": {"a": {"S": "b"}}}
    client.put(1, list={"L": [entry] * 40_000})
    error = client.refused("PutItem", Item=item(1, list={"L": [entry] * 70_000}))
    assert "Item size" in error.message


def test_lone_surrogate_is_rejected(client: Client) -> None:
    for request in (
        {"Item": item(1, x={"S": "\ud800"})},
        {"Item": item(1, ticket_id={"S": "\udfff"})},
    ):
        assert client.refused("PutItem", **request).code == "SerializationException"


def test_invalid_number_is_rejected(client: Client) -> None:
    client.put(1, x={"N": "ten"})
    error = client.refused(
        "UpdateItem",
        Key={"ticket_id": {"S": "001"}},
        UpdateExpression="ADD x :x",
        ExpressionAttributeValues={":x": {"N": "1"}},
    )
    assert (error.code, error.status) == ("SerializationException", 400)


def test_unknown_operations_and_tables(client: Client) -> None:
    assert client.refused("UpdateContinuousBackups").code == "UnknownOperationException"
    other = Client(client.engine, "other")
    for operation, request in (
        ("DescribeTable", {}),
        ("GetItem", {"Key": {"ticket_id": {"S": "1"}}}),
        ("PutItem", {"Item": item(1)}),
        ("Scan", {}),
    ):
        assert other.refused(operation, **request).code == "ResourceNotFoundException"


def test_only_create_table_creates_the_database(tmp_path: Path) -> None:
    client = Client(Engine(tmp_path / "data"))
    assert client.refused("Scan").code == "ResourceNotFoundException"
    assert client.refused("PutItem", Item=item(1)).code == "ResourceNotFoundException"
    assert not (tmp_path / "data").exists()


def test_table_is_created_once_and_described(client: Client, tmp_path: Path) -> None:
    assert client.refused("CreateTable", **DEFINITION).code == "ResourceInUseException"
    found = reopened(tmp_path).ask("DescribeTable")["Table"]
    assert found["TableStatus"] == "ACTIVE"
    assert [each["IndexStatus"] for each in found["GlobalSecondaryIndexes"]] == ["ACTIVE"] * 4


def test_tables_of_an_earlier_release_get_the_indexes_with_the_stored_items(
    tmp_path: Path,
) -> None:
    old = {**DEFINITION, "GlobalSecondaryIndexes": DEFINITION["GlobalSecondaryIndexes"][:2]}
    client = Client(Engine(tmp_path), TABLE_NAME)
    client.ask("CreateTable", **old)
    times = {"created_at": {"S": TIME.format(1)}, "updated_at": {"S": TIME.format(1)}}
    client.put(1, status={"S": "open"}, issue_description={"S": "x"}, **times)
    assert command("init-db", LOCAL_DYNAMODB=str(tmp_path)).returncode == 0
    found = Client(Engine(tmp_path), TABLE_NAME).ask("Scan", IndexName="QueueIndex")["Items"]
    assert [each["queue"] for each in found] == [{"S": "unassigned"}]


def test_keys_must_be_strings(tmp_path: Path) -> None:
    client = Client(Engine(tmp_path))
    numbers = [{"AttributeName": "ticket_id", "AttributeType": "N"}]
    error = client.refused("CreateTable", **{**DEFINITION, "AttributeDefinitions": numbers})
    assert error.code == "ValidationException"


def enable_expiry(client: Client, enabled: bool = True) -> None:
    wanted = {"Enabled": enabled, "AttributeName": "expires_at"}
    client.ask("UpdateTimeToLive", TimeToLiveSpecification=wanted)


def test_time_to_live_is_described(client: Client) -> None:
    def described() -> Any:
        return client.ask("DescribeTimeToLive")["TimeToLiveDescription"]

    assert described() == {"TimeToLiveStatus": "DISABLED"}
    enable_expiry(client)
    assert described() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    enable_expiry(client, enabled=False)
    assert described() == {"TimeToLiveStatus": "DISABLED"}


def test_first_write_after_an_hour_deletes_expired_items(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past, future = {"N": str(int(time.time()) - 1)}, {"N": str(int(time.time()) + 1000)}
    # One item is older than the setting.
    client.put(0, expires_at=past)
    enable_expiry(client)
    for number, expires_at in enumerate((past, future, {"N": "9" * 38}, {"S": "text"}), start=1):
        client.put(number, expires_at=expires_at)
    client.put(5, expires_at={"N": "-" + "9" * 38})
    client.put(6)
    assert client.ask("Scan")["Count"] == 7
    # A new process deletes at its first write.
    other = reopened(tmp_path)
    assert other.ask("Scan")["Count"] == 7
    other.put(7)
    kept = ["002", "003", "004", "006", "007"]
    assert ids(other.ask("Scan")) == ids(other.query()) == kept
    other.put(8, expires_at=past)
    other.put(9)
    assert "008" in ids(other.ask("Scan"))
    monkeypatch.setattr(engine_module, "CLEANUP_SECONDS", 0)
    reopened(tmp_path).put(9)
    assert "008" not in ids(other.ask("Scan"))


def test_put_missing_keeps_stored_items_and_is_one_transaction(client: Client) -> None:
    client.put(1, x={"S": "stored"})
    assert client.engine.put_missing(NAME, [item(1), item(2), item(3)]) == 2
    assert client.ask("GetItem", Key={"ticket_id": {"S": "001"}})["Item"]["x"] == {"S": "stored"}
    with pytest.raises(EngineError):
        client.engine.put_missing(NAME, [item(4), {"x": {"S": "no key"}}])
    assert ids(client.ask("Scan")) == ids(client.query()) == ["001", "002", "003"]


def test_concurrent_updates_are_all_stored(client: Client, tmp_path: Path) -> None:
    """Two engines on one folder stand for two processes."""
    clients = [client, reopened(tmp_path)]

    def add(number: int) -> None:
        request: dict[str, Any] = {
            "Key": {"ticket_id": {"S": "001"}},
            "UpdateExpression": "ADD revision :one SET #list = list_append(#list, :entry)",
            "ExpressionAttributeNames": {"#list": "list"},
            "ExpressionAttributeValues": {
                ":one": {"N": "1"},
                ":entry": {"L": [{"N": str(number)}]},
            },
        }
        for _ in range(MAX_ATTEMPTS):
            try:
                clients[number % 2].ask("UpdateItem", **request)
            except EngineError as error:
                # On a busy machine, another process can keep the file longer than `BUSY_SECONDS`.
                # Nothing is stored then, and the app sends the request again.
                if error.status != 500:
                    raise
            else:
                return

    client.put(1, list={"L": []})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(200)))
    (found,) = client.ask("Scan")["Items"]
    assert found["revision"] == {"N": "200"}
    assert sorted(int(entry["N"]) for entry in found["list"]["L"]) == [*range(200)]


def test_damaged_file_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.write_bytes(b"no database" * 100)
    client = Client(Engine(tmp_path))
    for _ in range(2):
        error = client.refused("Scan")
        assert (error.code, error.status) == ("SQLITE_NOTADB", 400)
    assert file.read_bytes() == b"no database" * 100
