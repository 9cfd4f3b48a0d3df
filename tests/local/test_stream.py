"""Tests of the stream of the embedded DynamoDB: reading, forgetting, retention and restarts.

`test_like_dynamodb.py` compares the records with those of DynamoDB Local.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from itsm_app.local import engine as engine_module
from itsm_app.local.database import FILE
from itsm_app.local.engine import Engine
from itsm_app.local.errors import EngineError
from itsm_app.storage.retry import MAX_ATTEMPTS
from itsm_app.storage.table import DEFINITION

from .test_engine import NAME, Client, enable_expiry, item, reopened

ENABLED = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
DISABLED = {"StreamEnabled": False}
DAY = 24 * 3600


@pytest.fixture
def client(tmp_path: Path) -> Client:
    client = Client(Engine(tmp_path / "data"))
    client.ask("CreateTable", **DEFINITION, StreamSpecification=ENABLED)
    return client


def changed_ids(client: Client, limit: int = 100) -> list[str]:
    """Return the ids of the tickets in the records."""
    records = client.engine.read_changes(NAME, limit)
    return [record["dynamodb"]["Keys"]["ticket_id"]["S"] for record in records]


def numbers(client: Client) -> list[str]:
    records = client.engine.read_changes(NAME)
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_record_has_the_shape_of_a_lambda_event(client: Client) -> None:
    started = int(time.time())
    client.put(1, x={"B": "/wA="})
    (record,) = client.engine.read_changes(NAME)
    assert started <= record["dynamodb"].pop("ApproximateCreationDateTime") <= time.time()
    arn = client.ask("DescribeTable")["Table"]["LatestStreamArn"]
    assert arn.startswith(f"arn:aws:dynamodb:local:000000000000:table/{NAME}/stream/2")
    assert record == {
        "eventID": f"{1:032}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "dynamodb": {
            "Keys": {"ticket_id": {"S": "001"}},
            # Lambda's JSON has binary values in Base64.
            "NewImage": item(1, x={"B": "/wA="}),
            "SequenceNumber": f"{1:021}",
            "SizeBytes": 84,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": arn,
    }


def test_records_stay_until_they_are_forgotten(client: Client, tmp_path: Path) -> None:
    for number in range(5):
        client.put(number)
    assert changed_ids(client) == changed_ids(client) == ["000", "001", "002", "003", "004"]
    assert changed_ids(client, limit=2) == ["000", "001"]
    client.engine.forget_changes(NAME, numbers(client)[1])
    other = reopened(tmp_path)
    assert changed_ids(other) == ["002", "003", "004"]
    other.engine.forget_changes(NAME, numbers(client)[0])
    assert changed_ids(client) == ["003", "004"]


def test_page_has_at_most_100_records_and_6_mb(client: Client) -> None:
    client.engine.put_missing(NAME, [item(number) for number in range(120)])
    assert changed_ids(client, limit=1000) == [f"{number:03}" for number in range(100)]
    client.engine.forget_changes(NAME, numbers(client)[-1])
    assert len(changed_ids(client)) == 20
    client.engine.forget_changes(NAME, numbers(client)[-1])
    # Each record has two images of 0.4 MB. A character counts with its bytes.
    large = {"S": "é" * 200_000}
    for number in range(10):
        client.put(number, x=large)
    assert len(changed_ids(client)) == 10
    client.engine.forget_changes(NAME, numbers(client)[-1])
    for number in range(10):
        client.put(number, x=large, y={"S": "y"})
    assert len(changed_ids(client)) == 7


def test_record_larger_than_a_page_is_returned_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("itsm_app.local.stream.MAX_PAGE_BYTES", 10)
    client.put(1)
    client.put(2)
    assert changed_ids(client) == ["001"]


def test_sequence_numbers_never_restart(client: Client, tmp_path: Path) -> None:
    found: list[str] = []
    for number in range(3):
        client.put(number)
        found += numbers(client)
        client.engine.forget_changes(NAME, found[-1])
        assert numbers(client) == []
        # The last connection of a process that ends moves SQLite's log into the file.
        client.engine._open()._close_idle()
        client = reopened(tmp_path)
    client.ask("UpdateTable", StreamSpecification=DISABLED)
    client.ask("UpdateTable", StreamSpecification=ENABLED)
    client.put(4)
    found += numbers(client)
    assert found == sorted({*found})
    assert len(found) == 4


def test_table_without_a_stream_has_no_records(client: Client, tmp_path: Path) -> None:
    client.put(1)
    client.ask("UpdateTable", StreamSpecification=DISABLED)
    client.put(2)
    assert changed_ids(client) == []
    client.ask("UpdateTable", StreamSpecification=ENABLED)
    assert changed_ids(client) == []
    client.put(3)
    assert changed_ids(client) == ["003"]
    explicit = Client(client.engine, "explicit")
    explicit.ask("CreateTable", **DEFINITION, StreamSpecification=DISABLED)
    explicit.put(1)
    assert client.engine.read_changes("explicit") == []


def test_each_table_has_its_own_stream(client: Client) -> None:
    other = Client(client.engine, "other")
    other.ask("CreateTable", **DEFINITION, StreamSpecification=ENABLED)
    client.put(1)
    other.put(2)
    client.put(3)
    assert changed_ids(client) == ["001", "003"]
    client.engine.forget_changes(NAME, numbers(client)[-1])
    assert len(client.engine.read_changes("other")) == 1
    other.ask("UpdateTable", StreamSpecification=DISABLED)
    client.put(4)
    assert changed_ids(client) == ["004"]


def test_missing_table_and_other_views_are_errors(client: Client, tmp_path: Path) -> None:
    for engine, name in ((client.engine, "other"), (Engine(tmp_path / "no data"), NAME)):
        with pytest.raises(EngineError) as error:
            engine.read_changes(name)
        assert error.value.code == "ResourceNotFoundException"
        with pytest.raises(EngineError) as error:
            engine.forget_changes(name, f"{1:021}")
        assert error.value.code == "ResourceNotFoundException"
    keys_only = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    other = Client(client.engine, "other")
    refusal = other.refused("CreateTable", **DEFINITION, StreamSpecification=keys_only)
    assert refusal.code == "ValidationException"


def test_imported_items_have_records_and_a_failed_import_has_none(client: Client) -> None:
    client.put(1)
    client.engine.put_missing(NAME, [item(1), item(2)])
    with pytest.raises(EngineError):
        client.engine.put_missing(NAME, [item(3), {"x": {"S": "no key"}}])
    assert changed_ids(client) == ["001", "002"]


def test_expiry_has_a_record_that_names_the_service(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    enable_expiry(client)
    client.put(1, expires_at={"N": "1"})
    monkeypatch.setattr(engine_module, "CLEANUP_SECONDS", 0)
    client.engine._next_cleanup = 0
    client.put(2)
    records = client.engine.read_changes(NAME)
    assert [record["eventName"] for record in records] == ["INSERT", "REMOVE", "INSERT"]
    service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert [record.get("userIdentity") for record in records] == [None, service, None]
    assert records[1]["dynamodb"]["OldImage"] == item(1, expires_at={"N": "1"})
    assert "NewImage" not in records[1]["dynamodb"]


def test_records_stay_until_they_are_processed(client: Client, tmp_path: Path) -> None:
    client.put(1)

    def make_older(db: sqlite3.Connection) -> None:
        db.execute("UPDATE changes SET created_at = created_at - ?", [30 * DAY])

    client.engine._open().write(make_older)
    # A new process deletes what has expired at its first write.
    other = reopened(tmp_path)
    other.put(2)
    assert changed_ids(other) == ["001", "002"]


def test_file_of_an_earlier_release_gets_a_stream(client: Client, tmp_path: Path) -> None:
    client.ask("UpdateTable", StreamSpecification=DISABLED)
    client.engine._open()._close_idle()
    with sqlite3.connect(tmp_path / "data" / FILE) as connection:
        connection.execute("DROP TABLE changes")
    connection.close()
    other = reopened(tmp_path)
    other.put(1)
    other.ask("UpdateTable", StreamSpecification=ENABLED)
    other.put(2)
    assert changed_ids(other) == ["002"]


def persistently(write: Callable[[], Any]) -> None:
    """Repeat a write while another process keeps the file longer than `BUSY_SECONDS`."""
    for attempt in range(MAX_ATTEMPTS):
        try:
            write()
            return
        except EngineError as error:
            if error.status != 500 or attempt == MAX_ATTEMPTS - 1:
                raise


def test_reader_that_forgets_misses_no_write_of_two_processes(
    client: Client, tmp_path: Path
) -> None:
    """Two engines on one folder stand for two processes."""
    clients = [client, reopened(tmp_path)]
    seen: list[str] = []

    def put(number: int) -> None:
        persistently(lambda: clients[number % 2].put(number))

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(put, number) for number in range(200)]
        is_last = False
        while not is_last:
            is_last = all(each.done() for each in writes)
            records = [record["dynamodb"] for record in client.engine.read_changes(NAME)]
            if records:
                is_last = False
                seen += [record["Keys"]["ticket_id"]["S"] for record in records]
                last = records[-1]["SequenceNumber"]
                persistently(partial(client.engine.forget_changes, NAME, last))
    assert [each.exception() for each in writes] == [None] * 200
    assert sorted(seen) == [f"{number:03}" for number in range(200)]


def test_forgotten_texts_are_not_in_the_file(client: Client, tmp_path: Path) -> None:
    client.put(1, x={"S": "secret"})
    client.put(1)
    client.engine.forget_changes(NAME, numbers(client)[-1])
    client.engine._open()._close_idle()
    assert b"secret" not in (tmp_path / "data" / FILE).read_bytes()


@pytest.mark.parametrize(
    "range_condition", ["", " AND s > :s", " AND s BETWEEN :s AND :s", " AND begins_with(s, :s)"]
)
@pytest.mark.parametrize("start", ["", "b"])
def test_query_of_a_table_seeks_its_start(tmp_path: Path, range_condition: str, start: str) -> None:
    client = Client(Engine(tmp_path))
    keys = [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}]
    client.ask(
        "CreateTable",
        KeySchema=keys,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "ps"],
        BillingMode="PAY_PER_REQUEST",
    )
    request: dict[str, Any] = {
        "KeyConditionExpression": f"p = :p{range_condition}",
        "ExpressionAttributeValues": {":p": {"S": "a"}, ":s": {"S": "a"}},
    }
    if start:
        request["ExclusiveStartKey"] = {"p": {"S": "a"}, "s": {"S": start}}
    statements: list[str] = []
    with client.engine._open().read() as db:
        db.set_trace_callback(statements.append)
    client.ask("Query", **request)
    (query,) = [each for each in statements if "ORDER BY" in each]
    with client.engine._open().read() as db:
        db.set_trace_callback(None)
        ((*_, plan),) = db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    bounds = {"": "", " AND s > :s": " AND range>?"}.get(
        range_condition, " AND range>? AND range<?"
    )
    if start and not range_condition:
        bounds = " AND range>?"
    index = "USING INDEX sqlite_autoindex_items_1"
    assert plan == f"SEARCH e {index} (table_name=? AND hash=?{bounds})"
