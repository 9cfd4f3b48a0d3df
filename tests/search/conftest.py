"""The app in this process with the embedded DynamoDB and its change stream."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import inf
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.changes import processing
from itsm_app.commands import embedded_table
from itsm_app.local.botocore_hook import engine
from itsm_app.search import check

from ..conftest import shared_app
from ..support.embedded_dynamodb import embedded_dynamodb


class Store:
    """The tickets and their search index in the embedded DynamoDB."""

    def __init__(self, folder: Path) -> None:
        self.engine = engine(folder)
        self.client: FlaskClient = shared_app().test_client()
        self._keys = count()

    def clear(self) -> None:
        """Delete all items and changes."""

        def delete(db: Connection) -> None:
            for table in ("items", "index_entries", "changes"):
                db.execute(f"DELETE FROM {table}")

        self.engine._open().write(delete)
        self._keys = count()

    def create(self, text: str, caller: str = "+15550100") -> str:
        """Create a ticket. With a key, it has the same id and number in each run."""
        key = str(next(self._keys))
        body = {"caller_id": caller, "issue_description": text, "idempotency_key": key}
        return str(self.client.post("/tickets", json=body).json["ticket_id"])

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the changes that were not processed yet."""
        return self.engine.read_changes(config.TABLE_NAME)

    def process(self) -> list[dict[str, Any]]:
        """Process all changes once. Return their records."""
        records = self.records()
        assert processing.process(records, lambda: inf) == ([], 0)
        self.forget()
        return records

    def forget(self) -> None:
        """Delete the records of all changes."""
        for each in self.records()[-1:]:
            self.engine.forget_changes(config.TABLE_NAME, each["dynamodb"]["SequenceNumber"])

    def search(self, text: str) -> list[str]:
        """Return the ids of the tickets that are found, newest first."""
        response = self.client.get("/tickets", query_string={"q": text})
        return [each["ticket_id"] for each in response.json["tickets"]]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store for all tests of a module, because a new DynamoDB client takes 80 ms."""
    folder = tmp_path_factory.mktemp("embedded")
    with embedded_dynamodb(folder):
        embedded_table.prepare(folder)
        yield Store(folder)


@pytest.fixture
def store(embedded: Store) -> Store:
    embedded.clear()
    return embedded


def differences() -> list[check.Difference]:
    """Return how the search index differs from the tickets."""
    return check.check(wait=lambda _: None).differences
