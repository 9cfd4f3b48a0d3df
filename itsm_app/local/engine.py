"""The part of DynamoDB that this app uses, on a `Database`."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from . import stored_items, stream
from .database import FILE, Database
from .errors import EngineError
from .item_operations import (
    batch_get_item,
    batch_write_item,
    delete_item,
    get_item,
    put_item,
    update_item,
)
from .pages import query, scan
from .stream import MAX_PAGE_RECORDS, Record
from .table_operations import (
    create_table,
    describe_table,
    describe_time_to_live,
    update_table,
    update_time_to_live,
)
from .tables import Item

# How often expired items are deleted.
CLEANUP_SECONDS = 3600

T = TypeVar("T")
Request = dict[str, Any]
Response = dict[str, Any]
Operation = Callable[[sqlite3.Connection, Request], Response]

READS: dict[str, Operation] = {
    "DescribeTable": describe_table,
    "DescribeTimeToLive": describe_time_to_live,
    "GetItem": get_item,
    "BatchGetItem": batch_get_item,
    "Query": query,
    "Scan": scan,
}
WRITES: dict[str, Operation] = {
    "CreateTable": create_table,
    "UpdateTable": update_table,
    "UpdateTimeToLive": update_time_to_live,
    "PutItem": put_item,
    "UpdateItem": update_item,
    "DeleteItem": delete_item,
    "BatchWriteItem": batch_write_item,
}


class Engine:
    """Answers requests to DynamoDB from the database in a folder.

    The first request opens the database. CreateTable creates the database. Any number of threads
    can use an engine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: Database | None = None
        self._opening = threading.Lock()
        self._next_cleanup = 0.0

    def answer(self, operation: str, body: bytes) -> Response:
        """Return DynamoDB's response to the body of a request.

        Raises:
            EngineError: DynamoDB would reject the request, or the database fails.
        """
        with _translated_errors():
            request = msgspec.json.decode(body)
            if read := READS.get(operation):
                with self._open().read() as db:
                    return read(db, request)
            if write := WRITES.get(operation):
                is_create = operation == "CreateTable"
                return self._write(lambda db: write(db, request), create=is_create)
        raise EngineError("UnknownOperationException", f"{operation} is not supported")

    def put_missing(self, table_name: str, items: Iterable[Item]) -> int:
        """Store the items whose keys are free, in one transaction. Return how many were stored.

        Raises:
            EngineError: There is no such table, an item is invalid, or the database fails.
        """

        def change(db: sqlite3.Connection) -> int:
            table, count = stored_items.table(db, table_name), 0
            for item in items:
                if not stored_items.find(db, table, item):
                    stored_items.replace(db, table, {}, item)
                    count += 1
            return count

        with _translated_errors():
            return self._write(change)

    def read_changes(self, table_name: str, limit: int = MAX_PAGE_RECORDS) -> list[Record]:
        """Return the oldest records in the stream of a table, which stay there.

        Returns:
            At most `limit` records, 100 records or 6 MB, in the shape of the records in a Lambda
            function's event. Without a stream: an empty list.

        Raises:
            EngineError: There is no such table, or the database fails.
        """
        with _translated_errors(), self._open().read() as db:
            return stream.read(db, stored_items.table(db, table_name), limit)

    def forget_changes(self, table_name: str, up_to_sequence_number: str) -> None:
        """Delete the records in the stream of a table up to a sequence number, which is included.

        Raises:
            EngineError: There is no such table, or the database fails.
        """

        def change(db: sqlite3.Connection) -> None:
            stream.forget(db, stored_items.table(db, table_name), up_to_sequence_number)

        with _translated_errors():
            self._write(change)

    def _open(self, create: bool = False) -> Database:
        with self._opening:
            if self._database is None:
                if not create and not (self._folder / FILE).exists():
                    raise EngineError("ResourceNotFoundException", "The folder has no tables")
                self._database = Database(self._folder)
            return self._database

    def _write(self, change: Callable[[sqlite3.Connection], T], create: bool = False) -> T:
        def clean_up_and_change(db: sqlite3.Connection) -> T:
            if time.monotonic() >= self._next_cleanup:
                self._next_cleanup = time.monotonic() + CLEANUP_SECONDS
                stored_items.delete_expired(db)
            return change(db)

        return self._open(create).write(clean_up_and_change)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise `EngineError` instead of what Python, SQLite and the operating system raise."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        raise EngineError(code, str(error), _status(code)) from error
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise EngineError(code, str(error), _status(code)) from error
    except (InvalidOperation, UnicodeEncodeError, msgspec.DecodeError) as error:
        # A number that is none, or half of a surrogate pair.
        raise EngineError("SerializationException", str(error)) from error


def _status(code: str) -> int:
    # A lock is released soon. A disk that is full or damaged stays so for the time of a retry.
    return 500 if code.startswith(("EBUSY", "SQLITE_BUSY")) else 400
