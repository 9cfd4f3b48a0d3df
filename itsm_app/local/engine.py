"""The part of DynamoDB that this app uses, on a `Database`."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

from .database import Database
from .expressions import Condition, Item, key_condition, project, update

# The most that one page of Query or Scan has, and the longest item: "Service, account, and table
# quotas" in the DynamoDB Developer Guide.
MAX_PAGE_BYTES = 1024 * 1024
MAX_ITEM_BYTES = 400 * 1024

COMPARISONS = {"=": "= ?", "<": "< ?", "<=": "<= ?", ">": "> ?", ">=": ">= ?"}
COMPARISONS |= {"BETWEEN": "BETWEEN ? AND ?"}

# Only conditions and operators of this module are inserted. All values are parameters.
QUERY = """
SELECT i.item FROM index_entries e JOIN items i
ON i.table_name = e.table_name AND i.hash = e.item_hash AND i.range = e.item_range
WHERE {where} ORDER BY e.range {order}, e.item_hash {order}, e.item_range {order}
"""
SCAN = "SELECT item FROM items WHERE {where} ORDER BY hash, range"

Request = dict[str, Any]
Response = dict[str, Any]


class EngineError(Exception):
    """A request fails as it would on DynamoDB, with a code and a status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


class Engine:
    """Answers requests to DynamoDB."""

    def __init__(self, database: Database) -> None:
        self._database = database
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

    def answer(self, operation: str, request: Request) -> Response:
        """Return DynamoDB's response to a request.

        Raises:
            EngineError: DynamoDB would reject the request, or the disk fails.
        """
        if operation not in self._operations:
            raise EngineError("UnknownOperationException", f"{operation} is not supported.")
        try:
            return self._operations[operation](request)
        except sqlite3.Error as error:
            # A full or broken disk, or another process that writes for too long.
            raise EngineError("InternalServerError", type(error).__name__, 500) from error

    def remove_expired(self) -> None:
        """Delete the items that are past their time to live."""
        with self._database.write() as db:
            expired = db.execute(
                "SELECT table_name, hash, range FROM items WHERE expires_at <= ?",
                [int(time.time())],
            ).fetchall()
            for key in expired:
                _delete(db, *key)

    def _create_table(self, request: Request) -> Response:
        name = request["TableName"]
        types = {
            each["AttributeName"]: each["AttributeType"] for each in request["AttributeDefinitions"]
        }
        if {*types.values()} != {"S"}:
            raise EngineError("ValidationException", "Keys must be strings.")
        indexes = [
            {**each, "IndexStatus": "ACTIVE"} for each in request.get("GlobalSecondaryIndexes", [])
        ]
        description = {
            "TableName": name,
            "TableStatus": "ACTIVE",
            "AttributeDefinitions": request["AttributeDefinitions"],
            "KeySchema": request["KeySchema"],
            "BillingModeSummary": {"BillingMode": request.get("BillingMode", "PROVISIONED")},
            "GlobalSecondaryIndexes": indexes,
            "DeletionProtectionEnabled": request.get("DeletionProtectionEnabled", False),
        }
        with self._database.write() as db:
            known = db.execute("SELECT 1 FROM tables WHERE name = ?", [name]).fetchone()
            if known:
                raise EngineError("ResourceInUseException", f"Table already exists: {name}")
            db.execute("INSERT INTO tables VALUES (?, ?)", [name, json.dumps(description)])
        return {"TableDescription": description}

    def _describe_table(self, request: Request) -> Response:
        table = self._table(request)
        return {"Table": {name: each for name, each in table.items() if name != "TimeToLive"}}

    def _describe_time_to_live(self, request: Request) -> Response:
        attribute = self._table(request).get("TimeToLive")
        if attribute is None:
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        description = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}
        return {"TimeToLiveDescription": description}

    def _update_time_to_live(self, request: Request) -> Response:
        table = self._table(request)
        wanted = request["TimeToLiveSpecification"]
        table["TimeToLive"] = wanted["AttributeName"] if wanted["Enabled"] else None
        with self._database.write() as db:
            db.execute(
                "UPDATE tables SET description = ? WHERE name = ?",
                [json.dumps(table), table["TableName"]],
            )
            for (text,) in db.execute(
                "SELECT item FROM items WHERE table_name = ?", [table["TableName"]]
            ).fetchall():
                self._store(db, table, json.loads(text))
        return {"TimeToLiveSpecification": wanted}

    def _get_item(self, request: Request) -> Response:
        table = self._table(request)
        item = self._find(self._database.read(), table, request["Key"])
        return {} if item is None else {"Item": project(request, item)}

    def _put_item(self, request: Request) -> Response:
        table, item = self._table(request), request["Item"]
        condition = Condition(request.get("ConditionExpression"), request)
        with self._database.write() as db:
            _check(condition, self._find(db, table, item))
            self._store(db, table, item)
        return {}

    def _update_item(self, request: Request) -> Response:
        table, key = self._table(request), request["Key"]
        condition = Condition(request.get("ConditionExpression"), request)
        with self._database.write() as db:
            found = self._find(db, table, key)
            _check(condition, found)
            changed = update(request, found or key, [*key])
            self._store(db, table, changed)
        return {"Attributes": changed} if request.get("ReturnValues") == "ALL_NEW" else {}

    def _delete_item(self, request: Request) -> Response:
        table, key = self._table(request), request["Key"]
        condition = Condition(request.get("ConditionExpression"), request)
        with self._database.write() as db:
            _check(condition, self._find(db, table, key))
            _delete(db, table["TableName"], *_key(table, key))
        return {}

    def _query(self, request: Request) -> Response:
        table = self._table(request)
        index = _index(table, request["IndexName"])
        hash_value, comparison, operands = key_condition(request, index["KeySchema"])
        where = "e.table_name = ? AND e.index_name = ? AND e.hash = ?"
        values = [table["TableName"], request["IndexName"], hash_value]
        if comparison is not None:
            where += f" AND e.range {COMPARISONS[comparison]}"
            values += operands
        order, after = ("ASC", ">") if request.get("ScanIndexForward", True) else ("DESC", "<")
        if start := request.get("ExclusiveStartKey"):
            where += f" AND (e.range, e.item_hash, e.item_range) {after} (?, ?, ?)"
            values += [_key(index, start)[1], *_key(table, start)]
        rows = self._database.read().execute(
            QUERY.format(where=where, order=order),
            values,
        )
        keys = _key_names(table) + _key_names(index)
        return self._page(request, rows, keys, _projected(table, index))

    def _scan(self, request: Request) -> Response:
        table = self._table(request)
        where, values = "table_name = ?", [table["TableName"]]
        if start := request.get("ExclusiveStartKey"):
            where += " AND (hash, range) > (?, ?)"
            values += _key(table, start)
        rows = self._database.read().execute(SCAN.format(where=where), values)
        return self._page(request, rows, _key_names(table), None)

    def _page(
        self,
        request: Request,
        rows: Iterator[tuple[str]],
        key_names: list[str],
        projected: set[str] | None,
    ) -> Response:
        condition = Condition(request.get("FilterExpression"), request)
        limit = request.get("Limit")
        items: list[Item] = []
        seen = page_bytes = 0
        last: Item = {}
        for (text,) in rows:
            # Like DynamoDB, which counts what it has read before it applies the filter.
            if seen == limit or page_bytes > MAX_PAGE_BYTES:
                end = {name: last[name] for name in key_names}
                return _response(items, seen) | {"LastEvaluatedKey": end}
            last = json.loads(text)
            item = last
            if projected is not None:
                item = {name: value for name, value in last.items() if name in projected}
            seen += 1
            page_bytes += len(text) if projected is None else sum(map(len, map(str, item.values())))
            if condition.holds(item):
                items.append(project(request, item))
        return _response(items, seen)

    def _table(self, request: Request) -> dict[str, Any]:
        found = (
            self._database.read()
            .execute("SELECT description FROM tables WHERE name = ?", [request["TableName"]])
            .fetchone()
        )
        if found is None:
            raise EngineError("ResourceNotFoundException", "Requested resource not found")
        description: dict[str, Any] = json.loads(found[0])
        return description

    def _find(self, db: sqlite3.Connection, table: dict[str, Any], key: Item) -> Item | None:
        found = db.execute(
            "SELECT item FROM items WHERE table_name = ? AND hash = ? AND range = ?",
            [table["TableName"], *_key(table, key)],
        ).fetchone()
        return None if found is None else json.loads(found[0])

    def _store(self, db: sqlite3.Connection, table: dict[str, Any], item: Item) -> None:
        name, key = table["TableName"], _key(table, item)
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > MAX_ITEM_BYTES:
            raise EngineError("ValidationException", "Item size has exceeded the maximum allowed")
        expires = item.get(table.get("TimeToLive") or "", {}).get("N")
        _delete(db, name, *key)
        db.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?)",
            [name, *key, text, None if expires is None else int(expires)],
        )
        for index in table["GlobalSecondaryIndexes"]:
            # An item without an index's key is not in that index.
            if all(each in item for each in _key_names(index)):
                entry = [name, index["IndexName"], *_key(index, item), *key]
                db.execute("INSERT INTO index_entries VALUES (?, ?, ?, ?, ?, ?)", entry)


def _check(condition: Condition, item: Item | None) -> None:
    if not condition.holds(item):
        code = "ConditionalCheckFailedException"
        raise EngineError(code, "The conditional request failed")


def _delete(db: sqlite3.Connection, table_name: str, key_hash: str, key_range: str) -> None:
    key = [table_name, key_hash, key_range]
    db.execute("DELETE FROM items WHERE table_name = ? AND hash = ? AND range = ?", key)
    db.execute(
        "DELETE FROM index_entries WHERE table_name = ? AND item_hash = ? AND item_range = ?", key
    )


def _index(table: dict[str, Any], name: str) -> dict[str, Any]:
    for index in table["GlobalSecondaryIndexes"]:
        if index["IndexName"] == name:
            found: dict[str, Any] = index
            return found
    raise EngineError("ValidationException", "The table does not have the specified index")


def _key_names(owner: dict[str, Any]) -> list[str]:
    """Return the names of the hash key and, if there is one, the range key."""
    names = {each["KeyType"]: each["AttributeName"] for each in owner["KeySchema"]}
    return [names[kind] for kind in ("HASH", "RANGE") if kind in names]


def _key(owner: dict[str, Any], item: Item) -> list[str]:
    """Return the hash and the range value of an item. The range is empty without a range key."""
    values = [str(item[name]["S"]) for name in _key_names(owner)]
    return [*values, ""][:2]


def _projected(table: dict[str, Any], index: dict[str, Any]) -> set[str] | None:
    """Return the names of the attributes that an index has, or None for all."""
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return None
    return {*_key_names(table), *_key_names(index), *projection.get("NonKeyAttributes", ())}


def _response(items: list[Item], scanned: int) -> Response:
    return {"Items": items, "Count": len(items), "ScannedCount": scanned}
