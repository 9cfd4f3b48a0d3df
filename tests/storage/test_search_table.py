"""Tests of what `flask init-db` does for search."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from click.testing import Result

from itsm_app import config
from itsm_app.storage import search_table
from itsm_app.storage.models import Ticket
from itsm_app.storage.search_index import SearchItem

from ..conftest import ON_MOTO, shared_app
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB, at, refuse

pytestmark = ON_MOTO

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def dynamodb() -> Any:
    return Ticket.connection().connection.client


def described(table: str) -> Any:
    return dynamodb().describe_table(TableName=table)["Table"]


@pytest.fixture
def table(own_table: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Create a ticket table without a stream, choose a new search table, and return its name."""
    name = f"search-{uuid4()}"
    for module in ("storage.search_table", "commands.init_db"):
        monkeypatch.setattr(f"itsm_app.{module}.TABLE_NAME", own_table)
    monkeypatch.setattr(config, "SEARCH_TABLE", name)
    monkeypatch.setattr(SearchItem.Meta, "table_name", name)
    monkeypatch.setattr(SearchItem, "_connection", None)
    return name


def init_db() -> Result:
    return shared_app().test_cli_runner().invoke(args=["init-db"])


def create(table: str, *keys: str) -> None:
    dynamodb().create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def test_creates_the_search_index_and_the_stream(own_table: str, table: str) -> None:
    for change in ("was created", "already exists"):
        result = init_db()
        assert (result.exit_code, result.stderr) == (0, "")
        line = result.stdout.splitlines()[-1]
        assert line == f"The table {table} with the search index {change}."
        found = described(table)
        assert [(each["AttributeName"], each["KeyType"]) for each in found["KeySchema"]] == [
            ("partition", "HASH"),
            ("position", "RANGE"),
        ]
        assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert not found.get("GlobalSecondaryIndexes")
        assert described(own_table)["StreamSpecification"] == STREAM
    assert not search_table.turn_on_stream()


def test_creates_neither_without_the_setting(
    own_table: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SEARCH_TABLE", "")
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert "search" not in result.stdout
    assert table not in dynamodb().list_tables()["TableNames"]
    assert "StreamSpecification" not in described(own_table)


@pytest.mark.parametrize(
    "keys", [["ticket_id"], *map(exhaustive, (["partition"], ["position", "partition"]))]
)
def test_refuses_a_table_with_another_key(own_table: str, table: str, keys: list[str]) -> None:
    create(table, *keys)
    result = init_db()
    assert result.exit_code == 1
    assert "Search cannot be turned on: the key must be partition and position" in result.stderr
    assert "StreamSpecification" not in described(own_table)


def test_refuses_a_stream_without_the_states_before_a_change(own_table: str, table: str) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    dynamodb().update_table(TableName=own_table, StreamSpecification=stream)
    result = init_db()
    assert result.exit_code == 1
    assert "the stream must have NEW_AND_OLD_IMAGES, but it has KEYS_ONLY" in result.stderr


@pytest.mark.parametrize("operation", [exhaustive("CreateTable"), "UpdateTable"])
def test_second_run_completes_the_first(
    own_table: str, table: str, faults: FaultyDynamoDB, operation: str
) -> None:
    faults.faults.append(at(operation, refuse("AccessDeniedException")))
    result = init_db()
    assert result.exit_code == 1
    assert "Search was not turned on: these AWS credentials" in result.stderr
    assert "Run this command again." in result.stderr
    assert init_db().exit_code == 0
    assert described(own_table)["StreamSpecification"] == STREAM
