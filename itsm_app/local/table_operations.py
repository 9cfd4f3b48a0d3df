"""DynamoDB's operations on tables: their description, indexes, stream and expiry."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from . import stored_items, stream, tables
from .errors import EngineError, invalid
from .tables import Description

Request = dict[str, Any]
Response = dict[str, Any]


def create_table(db: sqlite3.Connection, request: Request) -> Response:
    """Create a table."""
    name = request["TableName"]
    if {each["AttributeType"] for each in request["AttributeDefinitions"]} != {"S"}:
        raise invalid("Keys must be strings")
    description = {
        "TableName": name,
        "TableStatus": "ACTIVE",
        "AttributeDefinitions": request["AttributeDefinitions"],
        "KeySchema": request["KeySchema"],
        "BillingModeSummary": {"BillingMode": request["BillingMode"]},
        "DeletionProtectionEnabled": request.get("DeletionProtectionEnabled", False),
        # Not part of DynamoDB's description: the attribute, if it is enabled.
        "TimeToLive": None,
    }
    if indexes := request.get("GlobalSecondaryIndexes"):
        active = [{**each, "IndexStatus": "ACTIVE"} for each in indexes]
        description["GlobalSecondaryIndexes"] = active
    wanted = request.get("StreamSpecification", {"StreamEnabled": False})
    if wanted["StreamEnabled"]:
        stream.specify(db, description, wanted)
    if db.execute("SELECT 1 FROM tables WHERE name = ?", [name]).fetchone():
        raise EngineError("ResourceInUseException", f"Table already exists: {name}")
    db.execute("INSERT INTO tables VALUES (?, ?)", [name, json.dumps(description)])
    return {"TableDescription": description}


def describe_table(db: sqlite3.Connection, request: Request) -> Response:
    """Return the description of a table."""
    return {"Table": stored_items.table(db, request["TableName"])}


def update_table(db: sqlite3.Connection, request: Request) -> Response:
    """Add an index, or enable or disable the stream."""
    table = stored_items.table(db, request["TableName"])
    wanted = request.get("StreamSpecification")
    index_changes = request.get("GlobalSecondaryIndexUpdates", [])
    if not wanted and not index_changes:
        raise invalid("Nothing to update")
    if wanted:
        stream.specify(db, table, wanted)
    for change in index_changes:
        _add_index(db, table, change["Create"], request["AttributeDefinitions"])
    stored_items.store_table(db, table)
    return {"TableDescription": table}


def _add_index(
    db: sqlite3.Connection,
    table: Description,
    wanted: Description,
    attributes: list[dict[str, str]],
) -> None:
    index = {**wanted, "IndexStatus": "ACTIVE"}
    known = table["AttributeDefinitions"]
    known += [each for each in attributes if each not in known]
    table.setdefault("GlobalSecondaryIndexes", []).append(index)
    only_new = {**table, "GlobalSecondaryIndexes": [index]}
    rows = db.execute("SELECT item FROM items WHERE table_name = ?", [table["TableName"]])
    for (text,) in rows:
        item = tables.decode(text)
        entries = tables.index_entries(only_new, item).items()
        stored_items.store_entries(db, table, item, entries)


def describe_time_to_live(db: sqlite3.Connection, request: Request) -> Response:
    """Return which attribute says when an item expires."""
    attribute = stored_items.table(db, request["TableName"])["TimeToLive"]
    if attribute is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    description = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}
    return {"TimeToLiveDescription": description}


def update_time_to_live(db: sqlite3.Connection, request: Request) -> Response:
    """Set or remove the attribute that says when an item expires."""
    wanted = request["TimeToLiveSpecification"]
    table = stored_items.table(db, request["TableName"])
    table["TimeToLive"] = wanted["AttributeName"] if wanted["Enabled"] else None
    stored_items.store_table(db, table)
    rows = db.execute("SELECT rowid, item FROM items WHERE table_name = ?", [table["TableName"]])
    expiring = ((tables.expires_at(table, tables.decode(text)), row) for row, text in rows)
    db.executemany("UPDATE items SET expires_at = ? WHERE rowid = ?", [*expiring])
    return {"TimeToLiveSpecification": wanted}
