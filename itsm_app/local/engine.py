"""The part of DynamoDB that this app uses, on a `Database`."""

from __future__ import annotations

import errno
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from decimal import InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from . import expressions, tables
from .database import FILE, Database
from .errors import EngineError, invalid
from .tables import Description, Item

# The size of a page of Query or Scan: "Paginating table query results" in the DynamoDB Developer
# Guide.
MAX_PAGE_BYTES = 1024 * 1024
# How often expired items are deleted, and how many at most. DynamoDB takes "a few days".
CLEANUP_SECONDS = 3600
CLEANUP_ITEMS = 1000

FIND = "SELECT item FROM items WHERE (table_name, hash, range) = (?, ?, ?)"
STORE = """
INSERT INTO items VALUES (?, ?, ?, ?, ?) ON CONFLICT (table_name, hash, range)
DO UPDATE SET item = excluded.item, expires_at = excluded.expires_at
"""
DELETE = "DELETE FROM items WHERE (table_name, hash, range) = (?, ?, ?)"
STORE_ENTRY = "INSERT OR REPLACE INTO index_entries VALUES (?, ?, ?, ?, ?, ?, ?)"
DELETE_ENTRY = """
DELETE FROM index_entries
WHERE (table_name, index_name, hash, range, item_hash, item_range) = (?, ?, ?, ?, ?, ?)
"""
# An index that projects all attributes has no copy of the item.
QUERY = """
SELECT coalesce(e.projected, (
    SELECT i.item FROM items i
    WHERE (i.table_name, i.hash, i.range) = (e.table_name, e.item_hash, e.item_range)
))
FROM index_entries e WHERE e.table_name = ? AND e.index_name = ? AND e.hash = ? {conditions}
ORDER BY e.range {direction}, e.item_hash {direction}, e.item_range {direction}
"""
SCAN = "SELECT item FROM items WHERE table_name = ? AND (hash, range) > (?, ?) ORDER BY hash, range"
EXPIRED = "SELECT table_name, item FROM items WHERE expires_at <= ? LIMIT ?"

Request = dict[str, Any]
Response = dict[str, Any]


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
        self._operations: dict[str, Callable[[Request], Response]] = {
            "CreateTable": self._create_table,
            "DescribeTable": self._describe_table,
            "DescribeTimeToLive": self._describe_time_to_live,
            "UpdateTimeToLive": self._update_time_to_live,
            "GetItem": self._get_item,
            "PutItem": self._put_item,
            "UpdateItem": self._update_item,
            "DeleteItem": self._delete_item,
            "Query": self._query,
            "Scan": self._scan,
        }

    def answer(self, operation: str, body: bytes) -> Response:
        """Return DynamoDB's response to the body of a request.

        Raises:
            EngineError: DynamoDB would reject the request, or the database fails.
        """
        if operation not in self._operations:
            raise EngineError("UnknownOperationException", f"{operation} is not supported")
        with _translated_errors():
            return self._operations[operation](msgspec.json.decode(body))

    def put_missing(self, table_name: str, items: Iterable[Item]) -> int:
        """Store the items whose keys are free, in one transaction. Return how many were stored.

        Raises:
            EngineError: There is no such table, an item is invalid, or the database fails.
        """
        count = 0
        with _translated_errors(), self._write() as db:
            table = _table(db, table_name)
            for item in items:
                if not _find(db, table, item):
                    _replace(db, table, {}, item)
                    count += 1
        return count

    def _open(self, create: bool = False) -> Database:
        with self._opening:
            if self._database is None:
                if not create and not (self._folder / FILE).exists():
                    raise EngineError("ResourceNotFoundException", "The folder has no tables")
                self._database = Database(self._folder)
            return self._database

    @contextmanager
    def _write(self, create: bool = False) -> Iterator[sqlite3.Connection]:
        with self._open(create).write() as db:
            if time.monotonic() >= self._next_cleanup:
                self._next_cleanup = time.monotonic() + CLEANUP_SECONDS
                _delete_expired(db)
            yield db

    def _create_table(self, request: Request) -> Response:
        name = request["TableName"]
        if {each["AttributeType"] for each in request["AttributeDefinitions"]} != {"S"}:
            raise invalid("Keys must be strings")
        indexes = request.get("GlobalSecondaryIndexes", [])
        description = {
            "TableName": name,
            "TableStatus": "ACTIVE",
            "AttributeDefinitions": request["AttributeDefinitions"],
            "KeySchema": request["KeySchema"],
            "BillingModeSummary": {"BillingMode": request["BillingMode"]},
            "GlobalSecondaryIndexes": [{**each, "IndexStatus": "ACTIVE"} for each in indexes],
            "DeletionProtectionEnabled": request.get("DeletionProtectionEnabled", False),
            # Not part of DynamoDB's description: the attribute, if it is enabled.
            "TimeToLive": None,
        }
        with self._write(create=True) as db:
            if db.execute("SELECT 1 FROM tables WHERE name = ?", [name]).fetchone():
                raise EngineError("ResourceInUseException", f"Table already exists: {name}")
            db.execute("INSERT INTO tables VALUES (?, ?)", [name, json.dumps(description)])
        return {"TableDescription": description}

    def _describe_table(self, request: Request) -> Response:
        with self._open().read() as db:
            return {"Table": _table(db, request["TableName"])}

    def _describe_time_to_live(self, request: Request) -> Response:
        with self._open().read() as db:
            attribute = _table(db, request["TableName"])["TimeToLive"]
        if attribute is None:
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        description = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}
        return {"TimeToLiveDescription": description}

    def _update_time_to_live(self, request: Request) -> Response:
        wanted = request["TimeToLiveSpecification"]
        with self._write() as db:
            table = _table(db, request["TableName"])
            table["TimeToLive"] = wanted["AttributeName"] if wanted["Enabled"] else None
            name = table["TableName"]
            db.execute(
                "UPDATE tables SET description = ? WHERE name = ?", [json.dumps(table), name]
            )
            rows = db.execute("SELECT rowid, item FROM items WHERE table_name = ?", [name])
            expiring = ((tables.expires_at(table, tables.decode(text)), row) for row, text in rows)
            db.executemany("UPDATE items SET expires_at = ? WHERE rowid = ?", [*expiring])
        return {"TimeToLiveSpecification": wanted}

    def _get_item(self, request: Request) -> Response:
        with self._open().read() as db:
            text = _find(db, _table(db, request["TableName"]), request["Key"])
        if not text:
            return {}
        return {"Item": expressions.projection(request)(tables.to_response(text))}

    def _put_item(self, request: Request) -> Response:
        holds = expressions.condition(request, "ConditionExpression")
        with self._write() as db:
            table = _table(db, request["TableName"])
            found = _find_item(db, table, request["Item"])
            _require(holds(found))
            _replace(db, table, found, request["Item"])
        return {}

    def _update_item(self, request: Request) -> Response:
        holds = expressions.condition(request, "ConditionExpression")
        with self._write() as db:
            table, key = _table(db, request["TableName"]), request["Key"]
            found = _find_item(db, table, key)
            _require(holds(found))
            changed = expressions.update(request, found or key)
            if any(changed.get(name) != value for name, value in key.items()):
                raise invalid("Cannot update an attribute that is part of the key")
            text = _replace(db, table, found, changed)
        wanted = request.get("ReturnValues") == "ALL_NEW"
        return {"Attributes": tables.to_response(text)} if wanted else {}

    def _delete_item(self, request: Request) -> Response:
        holds = expressions.condition(request, "ConditionExpression")
        with self._write() as db:
            table = _table(db, request["TableName"])
            found = _find_item(db, table, request["Key"])
            _require(holds(found))
            if found:
                _delete(db, table, found)
        return {}

    def _query(self, request: Request) -> Response:
        is_forward = request.get("ScanIndexForward", True)
        direction, after = ("ASC", ">") if is_forward else ("DESC", "<")
        conditions = ""
        with self._open().read() as db:
            table = _table(db, request["TableName"])
            index = tables.index(table, request.get("IndexName", ""))
            wanted = expressions.key_condition(request, tables.key_names(index))
            values = [request["TableName"], index["IndexName"], wanted.hash]
            if wanted.order:
                conditions += f" AND e.range {wanted.order} ?"
                values.append(wanted.range)
            if start := request.get("ExclusiveStartKey"):
                conditions += f" AND (e.range, e.item_hash, e.item_range) {after} (?, ?, ?)"
                values += [tables.key(index, start)[1], *tables.key(table, start)]
            names = tables.key_names(table) + tables.key_names(index)
            query = QUERY.format(conditions=conditions, direction=direction)
            return _page(request, names, db.execute(query, values))

    def _scan(self, request: Request) -> Response:
        with self._open().read() as db:
            table = _table(db, request["TableName"])
            start = request.get("ExclusiveStartKey")
            # No item has an empty hash key.
            after = tables.key(table, start) if start else ("", "")
            rows = db.execute(SCAN, [request["TableName"], *after])
            return _page(request, tables.key_names(table), rows)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise `EngineError` instead of what Python, SQLite and the operating system raise."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        raise EngineError(code, str(error), 500) from error
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise EngineError(code, str(error), 500) from error
    except (InvalidOperation, UnicodeEncodeError, msgspec.DecodeError) as error:
        # A number that is none, or half of a surrogate pair.
        raise EngineError("SerializationException", str(error)) from error


def _page(request: Request, key_names: list[str], rows: sqlite3.Cursor) -> Response:
    """Return a page of the items in `rows`, which is closed at the end.

    As in DynamoDB, a page ends after 1 MB or `Limit` items that were read, whether or not the
    filter selects these items.
    """
    holds = expressions.condition(request, "FilterExpression")
    project = expressions.projection(request)
    limit = request.get("Limit")
    items: list[Item] = []
    seen = page_bytes = 0
    last: Item = {}
    response: Response = {}
    with closing(rows):
        for (text,) in rows:
            if seen == limit or page_bytes >= MAX_PAGE_BYTES:
                response["LastEvaluatedKey"] = {name: last[name] for name in key_names}
                break
            last = tables.to_response(text)
            seen += 1
            page_bytes += len(text)
            if holds(last):
                items.append(project(last))
    return {**response, "Items": items, "Count": len(items), "ScannedCount": seen}


def _table(db: sqlite3.Connection, name: str) -> Description:
    found = db.execute("SELECT description FROM tables WHERE name = ?", [name]).fetchone()
    if found is None:
        raise EngineError("ResourceNotFoundException", "Requested resource not found")
    description: Description = msgspec.json.decode(found[0])
    return description


def _find(db: sqlite3.Connection, table: Description, key: Item) -> str:
    """Return the item with a key as text, or an empty text."""
    found = db.execute(FIND, [table["TableName"], *tables.key(table, key)]).fetchone()
    return found[0] if found else ""


def _find_item(db: sqlite3.Connection, table: Description, key: Item) -> Item:
    """Return the item with a key, or an empty item."""
    text = _find(db, table, key)
    return tables.decode(text) if text else {}


def _require(holds: bool) -> None:
    if not holds:
        code = "ConditionalCheckFailedException"
        raise EngineError(code, "The conditional request failed")


def _replace(db: sqlite3.Connection, table: Description, old: Item, new: Item) -> str:
    """Store an item in place of `old`, which is empty if there is none. Return it as text."""
    text = tables.encode(new)
    name, key = table["TableName"], tables.key(table, new)
    db.execute(STORE, [name, *key, text, tables.expires_at(table, new)])
    before, after = tables.index_entries(table, old), tables.index_entries(table, new)
    _delete_entries(db, name, key, before.keys() - after.keys())
    for entry, projected in after.items() - before.items():
        db.execute(STORE_ENTRY, [name, *entry, *key, projected])
    return text


def _delete(db: sqlite3.Connection, table: Description, item: Item) -> None:
    name, key = table["TableName"], tables.key(table, item)
    db.execute(DELETE, [name, *key])
    _delete_entries(db, name, key, tables.index_entries(table, item))


def _delete_entries(
    db: sqlite3.Connection, name: str, key: tuple[str, str], entries: Iterable[tuple[str, ...]]
) -> None:
    for entry in entries:
        db.execute(DELETE_ENTRY, [name, *entry, *key])


def _delete_expired(db: sqlite3.Connection) -> None:
    for name, text in db.execute(EXPIRED, [int(time.time()), CLEANUP_ITEMS]).fetchall():
        _delete(db, _table(db, name), tables.decode(text))
