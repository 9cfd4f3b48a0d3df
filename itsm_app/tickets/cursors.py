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


def after(ticket: Ticket, *query: str | None) -> str:
    """Return the cursor of the page after this ticket.

    `query` is the index key with its value, the filters and the order.
    """
    position = f"{ticket.created_at}\0{ticket.ticket_id}".encode()
    return urlsafe_b64encode(_checksum(query, position) + position).decode()


def start_key(key: str, value: str, cursor: str, *query: str | None) -> dict[str, Any]:
    """Return the DynamoDB key of the ticket after which the page of a cursor begins.

    Args:
        key: The name of the index's partition key.
        value: The value of the partition key.
        cursor: The cursor.
        query: The query as in `after`.

    Raises:
        InvalidField: The cursor was altered or belongs to another list.
    """
    try:
        content = b64decode(cursor, b"-_", validate=True)
        checksum, position = content[:CHECK_BYTES], content[CHECK_BYTES:]
        if checksum != _checksum(query, position) or not POSITION.fullmatch(position):
            raise ValueError
        created_at, ticket_id = position.decode().split("\0")
    except ValueError:
        raise InvalidField(
            "cursor",
            "must be the unchanged next_cursor of the previous page of the same query, but this"
            f" value of {len(cursor)} characters was changed or belongs to another query",
            "Copy the cursor again, or leave the field out to get the first page.",
        ) from None
    values = {key: value, "created_at": created_at, "ticket_id": ticket_id}
    return {name: {"S": text} for name, text in values.items()}


def _checksum(query: tuple[str | None, ...], position: bytes) -> bytes:
    # The checksum detects mistakes, not attacks. A forged cursor does no harm: the page still has
    # only tickets of the same query and begins at another ticket.
    parts = [*(part or "" for part in query), ""]
    return hashlib.sha256("\0".join(parts).encode() + position).digest()[:CHECK_BYTES]
