"""Query and Scan: pages of a table or an index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from . import expressions, stored_items, tables
from .tables import Item

Request = dict[str, Any]
Response = dict[str, Any]

# The size of a page of Query or Scan: "Paginating table query results" in the DynamoDB Developer
# Guide.
MAX_PAGE_BYTES = 1024 * 1024

QUERY_TABLE = """
SELECT e.item FROM items e WHERE e.table_name = ? AND e.hash = ? {conditions}
ORDER BY e.range {direction}
"""
# An index that projects all attributes has no copy of the item.
QUERY_INDEX = """
SELECT coalesce(e.projected, (
    SELECT i.item FROM items i
    WHERE (i.table_name, i.hash, i.range) = (e.table_name, e.item_hash, e.item_range)
))
FROM index_entries e WHERE e.table_name = ? AND e.index_name = ? AND e.hash = ? {conditions}
ORDER BY e.range {direction}, e.item_hash {direction}, e.item_range {direction}
"""
SCAN = "SELECT item FROM items WHERE table_name = ? AND (hash, range) > (?, ?) ORDER BY hash, range"


def query(db: sqlite3.Connection, request: Request) -> Response:
    """Return a page of the items with a hash key, in the order of the range key."""
    table = stored_items.table(db, request["TableName"])
    index = tables.index(table, request["IndexName"]) if "IndexName" in request else None
    is_forward = request.get("ScanIndexForward", True)
    direction, after = ("ASC", ">") if is_forward else ("DESC", "<")
    names = tables.key_names(index or table)
    wanted = expressions.key_condition(request, names)
    bounds, columns, after_values = wanted.bounds, "e.range", []
    if start := request.get("ExclusiveStartKey"):
        after_values = [tables.key(index or table, start)[1]]
        # A bound that the start implies could keep SQLite from seeking the start.
        bounds = [each for each in bounds if not _implied(each, after, after_values[0])]
        if index:
            columns = "(e.range, e.item_hash, e.item_range)"
            after_values += tables.key(table, start)
    conditions = "".join(f" AND e.range {sign} ?" for sign, _ in bounds)
    if start:
        conditions += f" AND {columns} {after} ({', '.join('?' * len(after_values))})"
    text = (QUERY_INDEX if index else QUERY_TABLE).format(
        conditions=conditions, direction=direction
    )
    owner = [table["TableName"], index["IndexName"]] if index else [table["TableName"]]
    values = [*owner, wanted.hash, *(value for _, value in bounds), *after_values]
    key_names = tables.key_names(table) + (names if index else [])
    return _page(request, key_names, db.execute(text, values))


def scan(db: sqlite3.Connection, request: Request) -> Response:
    """Return a page of the items of a table."""
    table = stored_items.table(db, request["TableName"])
    start = request.get("ExclusiveStartKey")
    # No item has an empty hash key.
    after = tables.key(table, start) if start else ("", "")
    rows = db.execute(SCAN, [request["TableName"], *after])
    return _page(request, tables.key_names(table), rows)


def _implied(bound: tuple[str, str], after: str, start: str) -> bool:
    """Return whether a bound holds for every range key after the start."""
    sign, value = bound
    return sign[0] == after and expressions.ORDER[sign](start, value)


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
