"""DynamoDB's operations on items, one item or a batch."""

from __future__ import annotations

import sqlite3
from typing import Any

from . import expressions, stored_items, tables
from .errors import EngineError, invalid
from .tables import Item

Request = dict[str, Any]
Response = dict[str, Any]

# The limits of one batch: BatchGetItem and BatchWriteItem in the DynamoDB API Reference.
MAX_BATCH_KEYS = 100
MAX_BATCH_BYTES = 16 * 1024 * 1024
MAX_BATCH_WRITES = 25


def get_item(db: sqlite3.Connection, request: Request) -> Response:
    """Return an item, if it exists."""
    table = stored_items.table(db, request["TableName"])
    text = stored_items.find(db, table, request["Key"])
    return {"Item": expressions.projection(request)(tables.to_response(text))} if text else {}


def put_item(db: sqlite3.Connection, request: Request) -> Response:
    """Store an item."""
    table = stored_items.table(db, request["TableName"])
    text = stored_items.find(db, table, request["Item"])
    found = _item(text)
    _require_condition(request, found)
    stored_items.replace(db, table, found, request["Item"])
    return _returned(request, {"ALL_OLD": text})


def update_item(db: sqlite3.Connection, request: Request) -> Response:
    """Change the attributes of an item. The item is created if it does not exist."""
    table, key = stored_items.table(db, request["TableName"]), request["Key"]
    text = stored_items.find(db, table, key)
    found = _item(text)
    _require_condition(request, found)
    changed = expressions.update(request, found or key)
    if any(changed.get(name) != value for name, value in key.items()):
        raise invalid("Cannot update an attribute that is part of the key")
    new_text = stored_items.replace(db, table, found, changed)
    choices = {"ALL_OLD": text, "ALL_NEW": new_text, "UPDATED_NEW": new_text}
    response = _returned(request, choices)
    if request.get("ReturnValues") == "UPDATED_NEW":
        names = expressions.updated_names(request)
        updated = {name: value for name, value in response["Attributes"].items() if name in names}
        return {"Attributes": updated} if updated else {}
    return response


def delete_item(db: sqlite3.Connection, request: Request) -> Response:
    """Delete an item, if it exists."""
    table = stored_items.table(db, request["TableName"])
    text = stored_items.find(db, table, request["Key"])
    found = _item(text)
    _require_condition(request, found)
    if found:
        stored_items.delete(db, table, found)
    return _returned(request, {"ALL_OLD": text})


def batch_get_item(db: sqlite3.Connection, request: Request) -> Response:
    """Return the items that exist. The keys that exceed the size of a response are left over."""
    wanted = request["RequestItems"]
    count = sum(len(each["Keys"]) for each in wanted.values())
    _require_count("BatchGetItem", count, MAX_BATCH_KEYS)
    responses: dict[str, list[Item]] = {}
    unprocessed: dict[str, Request] = {}
    batch_bytes = 0
    for name, part in wanted.items():
        table, keys = stored_items.table(db, name), part["Keys"]
        project = expressions.projection(part)
        _require_distinct([tables.key(table, key) for key in keys])
        found = responses[name] = []
        for place, key in enumerate(keys):
            text = stored_items.find(db, table, key)
            batch_bytes += len(text)
            if batch_bytes > MAX_BATCH_BYTES:
                unprocessed[name] = {**part, "Keys": keys[place:]}
                break
            if text:
                found.append(project(tables.to_response(text)))
    return {"Responses": responses, "UnprocessedKeys": unprocessed}


def batch_write_item(db: sqlite3.Connection, request: Request) -> Response:
    """Store and delete items, all or none."""
    wanted = request["RequestItems"]
    _require_count("BatchWriteItem", sum(map(len, wanted.values())), MAX_BATCH_WRITES)
    for name, writes in wanted.items():
        table = stored_items.table(db, name)
        keys = []
        for write in writes:
            match [*write.items()]:
                case [("PutRequest", {"Item": item})]:
                    found = _item(stored_items.find(db, table, item))
                    stored_items.replace(db, table, found, item)
                case [("DeleteRequest", {"Key": item})]:
                    found = _item(stored_items.find(db, table, item))
                    if found:
                        stored_items.delete(db, table, found)
                case _:
                    raise invalid("A write must have either a PutRequest or a DeleteRequest")
            keys.append(tables.key(table, item))
        _require_distinct(keys)
    return {"UnprocessedItems": {}}


def _require_condition(request: Request, found: Item) -> None:
    if not expressions.condition(request, "ConditionExpression")(found):
        code = "ConditionalCheckFailedException"
        raise EngineError(code, "The conditional request failed")


def _require_count(operation: str, count: int, limit: int) -> None:
    if not count:
        raise invalid(f"{operation} must have some requests set")
    if count > limit:
        raise invalid(f"Too many items requested for the {operation} call")


def _require_distinct(keys: list[tuple[str, str]]) -> None:
    if len({*keys}) < len(keys):
        raise invalid("Provided list of item keys contains duplicates")


def _item(text: str) -> Item:
    return tables.decode(text) if text else {}


def _returned(request: Request, choices: dict[str, str]) -> Response:
    """Return the response with the item that `ReturnValues` asks for."""
    wanted = request.get("ReturnValues", "NONE")
    if wanted not in ("NONE", *choices):
        raise invalid("Return values set to invalid value")
    text = choices.get(wanted)
    return {"Attributes": tables.to_response(text)} if text else {}
