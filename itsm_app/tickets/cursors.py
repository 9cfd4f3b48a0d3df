"""Pagination cursors. A cursor is opaque to clients and valid for one query.

A checksum detects altered cursors and cursors of other queries.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from typing import Any

from ..storage.models import Ticket
from .errors import InvalidField

# The length of the checksum at the start of a cursor.
CHECK_BYTES = 9
# A creation time and a ticket id. DynamoDB accepts sort and partition keys of these lengths
# ("Service, account, and table quotas" in the DynamoDB Developer Guide), so a forged cursor cannot
# make DynamoDB reject the query.
POSITION = re.compile(rb"[^\0]{1,1024}\0[^\0]{1,2048}")


def after(ticket: Ticket, sort_key: str, *query: str | None) -> str:
    """Return the cursor of the page after this ticket.

    Args:
        ticket: The last ticket that was read.
        sort_key: The name of the index's sort key.
        query: The index with the value of its partition key, the filters and the order.
    """
    return encode(f"{getattr(ticket, sort_key)}\0{ticket.ticket_id}", *query)


def start_key(
    keys: tuple[str, str], value: str, cursor: str, *query: str | None
) -> dict[str, Any] | None:
    """Return the DynamoDB key of the ticket after which the page of a cursor begins.

    Args:
        keys: The names of the index's partition key and sort key.
        value: The value of the partition key.
        cursor: The cursor.
        query: The query as in `after`.

    Returns:
        None if the cursor was altered or belongs to another query.
    """
    position = decode(cursor, *query)
    if position is None or not POSITION.fullmatch(position.encode()):
        return None
    sort_value, ticket_id = position.split("\0")
    values = {keys[0]: value, keys[1]: sort_value, "ticket_id": ticket_id}
    return {name: {"S": text} for name, text in values.items()}


def encode(position: str, *query: str | None) -> str:
    """Return a cursor with the position in a list at which the next page begins."""
    content = position.encode()
    return urlsafe_b64encode(_checksum(query, content) + content).decode()


def decode(cursor: str, *query: str | None) -> str | None:
    """Return the position of a cursor, or None if it was altered or belongs to another query."""
    try:
        content = b64decode(cursor, b"-_", validate=True)
        checksum, position = content[:CHECK_BYTES], content[CHECK_BYTES:]
        return position.decode() if checksum == _checksum(query, position) else None
    except ValueError:
        return None


def invalid(cursor: str) -> InvalidField:
    """Return the error for a cursor that belongs to no query of the list."""
    return InvalidField(
        "cursor",
        "must be the unchanged next_cursor of the previous page of the same query, but this value"
        f" of {len(cursor)} characters was changed or belongs to another query",
        "Copy the cursor again, or leave the field out to get the first page.",
    )


def _checksum(query: tuple[str | None, ...], position: bytes) -> bytes:
    # The checksum detects mistakes, not attacks. A forged cursor does no harm: the page still has
    # only tickets of the same query and begins at another ticket.
    parts = [*(part or "" for part in query), ""]
    return hashlib.sha256("\0".join(parts).encode() + position).digest()[:CHECK_BYTES]
