"""The rows of tables and items, with the index entries and the stream records of each change."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable

import msgspec

from . import stream, tables
from .errors import EngineError
from .tables import Description, Item

# How many expired items are deleted at most. DynamoDB takes "a few days".
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
EXPIRED = "SELECT table_name, item FROM items WHERE expires_at <= ? LIMIT ?"


def table(db: sqlite3.Connection, name: str) -> Description:
    """Return the description of a table. If there is none, raise an `EngineError`."""
    found = db.execute("SELECT description FROM tables WHERE name = ?", [name]).fetchone()
    if found is None:
        raise EngineError("ResourceNotFoundException", "Requested resource not found")
    description: Description = msgspec.json.decode(found[0])
    return description


def store_table(db: sqlite3.Connection, description: Description) -> None:
    """Store the changed description of a table."""
    changed = [json.dumps(description), description["TableName"]]
    db.execute("UPDATE tables SET description = ? WHERE name = ?", changed)


def find(db: sqlite3.Connection, table: Description, key: Item) -> str:
    """Return the item with a key as text, or an empty text."""
    found = db.execute(FIND, [table["TableName"], *tables.key(table, key)]).fetchone()
    return found[0] if found else ""


def replace(db: sqlite3.Connection, table: Description, old: Item, new: Item) -> str:
    """Store an item in place of `old`, which is empty if there is none. Return it as text."""
    text = tables.encode(new)
    name, key = table["TableName"], tables.key(table, new)
    db.execute(STORE, [name, *key, text, tables.expires_at(table, new)])
    before, after = tables.index_entries(table, old), tables.index_entries(table, new)
    _delete_entries(db, name, key, before.keys() - after.keys())
    store_entries(db, table, new, after.items() - before.items())
    stream.store(db, table, old, new)
    return text


def store_entries(
    db: sqlite3.Connection,
    table: Description,
    item: Item,
    entries: Iterable[tuple[tuple[str, ...], str | None]],
) -> None:
    """Store what `tables.index_entries` returned."""
    name, key = table["TableName"], tables.key(table, item)
    for entry, projected in entries:
        db.execute(STORE_ENTRY, [name, *entry, *key, projected])


def delete(
    db: sqlite3.Connection, table: Description, item: Item, has_expired: bool = False
) -> None:
    """Delete an item that exists."""
    name, key = table["TableName"], tables.key(table, item)
    db.execute(DELETE, [name, *key])
    _delete_entries(db, name, key, tables.index_entries(table, item))
    stream.store(db, table, item, {}, has_expired)


def _delete_entries(
    db: sqlite3.Connection, name: str, key: tuple[str, str], entries: Iterable[tuple[str, ...]]
) -> None:
    for entry in entries:
        db.execute(DELETE_ENTRY, [name, *entry, *key])


def delete_expired(db: sqlite3.Connection) -> None:
    """Delete items that have expired."""
    for name, text in db.execute(EXPIRED, [int(time.time()), CLEANUP_ITEMS]).fetchall():
        delete(db, table(db, name), tables.decode(text), has_expired=True)
