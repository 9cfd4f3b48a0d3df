"""The stream of a table: one record for each change, in the order of the changes.

See "Change data capture for DynamoDB Streams" in the DynamoDB Developer Guide. A record is stored
in the transaction of its change. DynamoDB deletes a record after 24 hours. Here it stays until it
is processed, because a laptop can be off for longer.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from . import tables, values
from .errors import invalid
from .tables import Description, Item

Record = dict[str, Any]

VIEW = "NEW_AND_OLD_IMAGES"
# The limits of one batch of a Lambda function: 100 records by default, and the size of a payload.
MAX_PAGE_RECORDS = 100
MAX_PAGE_BYTES = 6 * 1024 * 1024

STORE = """
INSERT INTO changes (table_name, created_at, old, new, has_expired) VALUES (?, ?, ?, ?, ?)
"""
READ = """
SELECT sequence, created_at, old, new, has_expired FROM changes
WHERE table_name = ? ORDER BY sequence LIMIT ?
"""
FORGET = "DELETE FROM changes WHERE table_name = ? AND sequence <= ?"
FORGET_ALL = "DELETE FROM changes WHERE table_name = ?"


def specify(db: sqlite3.Connection, table: Description, wanted: dict[str, Any]) -> None:
    """Enable or disable the stream in the description of a table. The caller stores it.

    A stream that is disabled loses its records.
    """
    is_enabled = "StreamSpecification" in table
    if wanted["StreamEnabled"] and is_enabled:
        raise invalid("Table already has an enabled stream")
    if not wanted["StreamEnabled"] and not is_enabled:
        raise invalid("Table has no stream to disable")
    if is_enabled:
        del table["StreamSpecification"]
        db.execute(FORGET_ALL, [table["TableName"]])
        return
    if wanted.get("StreamViewType") != VIEW:
        raise invalid(f"Invalid StreamViewType: the embedded DynamoDB supports only {VIEW}")
    label = datetime.now(UTC).isoformat(timespec="milliseconds").partition("+")[0]
    table["StreamSpecification"] = wanted
    table["LatestStreamLabel"] = label
    arn = f"arn:aws:dynamodb:local:000000000000:table/{table['TableName']}/stream/{label}"
    table["LatestStreamArn"] = arn


def store(
    db: sqlite3.Connection, table: Description, old: Item, new: Item, has_expired: bool = False
) -> None:
    """Store a record of a change if the table has a stream and the items differ.

    Args:
        db: A connection in the transaction of the change.
        table: The description of the table.
        old: The item before the change, empty if there was none.
        new: The item after the change, empty if there is none.
        has_expired: Whether the item was deleted because it had expired.
    """
    if "StreamSpecification" in table and not values.equal_items(old, new):
        images = [tables.encode(image) if image else "" for image in (old, new)]
        db.execute(STORE, [table["TableName"], int(time.time()), *images, has_expired])


def read(db: sqlite3.Connection, table: Description, limit: int) -> list[Record]:
    """Return the oldest records, in the shape of the records in a Lambda function's event.

    Returns:
        At most `limit` records, and at most as many as a Lambda function gets at once.
    """
    records: list[Record] = []
    page_bytes = 0
    rows = db.execute(READ, [table["TableName"], min(limit, MAX_PAGE_RECORDS)])
    with closing(rows):
        for sequence, created_at, old, new, has_expired in rows:
            page_bytes += len(old.encode()) + len(new.encode())
            if records and page_bytes > MAX_PAGE_BYTES:
                break
            record = _record(table, sequence, created_at, old, new)
            if has_expired:
                principal = "dynamodb.amazonaws.com"
                record["userIdentity"] = {"type": "Service", "principalId": principal}
            records.append(record)
    return records


def forget(db: sqlite3.Connection, table: Description, up_to_sequence_number: str) -> None:
    """Delete the records up to a sequence number, which is included."""
    db.execute(FORGET, [table["TableName"], int(up_to_sequence_number)])


def _record(
    table: Description, sequence: int, created_at: int, old_text: str, new_text: str
) -> Record:
    images = {
        name: tables.decode(text)
        for name, text in (("OldImage", old_text), ("NewImage", new_text))
        if text
    }
    item = [*images.values()][-1]
    content = {"Keys": {name: item[name] for name in tables.key_names(table)}, **images}
    return {
        "eventID": f"{sequence:032x}",
        "eventName": ("MODIFY" if old_text else "INSERT") if new_text else "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "dynamodb": {
            "ApproximateCreationDateTime": created_at,
            **content,
            # As wide as the shortest number of AWS, so that the numbers also sort as texts.
            "SequenceNumber": f"{sequence:021}",
            "SizeBytes": sum(map(tables.size, content.values())),
            "StreamViewType": VIEW,
        },
        "eventSourceARN": table["LatestStreamArn"],
    }
