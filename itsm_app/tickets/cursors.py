"""Pagination cursors: opaque to the client, bound to the query, useless if altered."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from typing import Any

from ..storage.models import Ticket
from .errors import InvalidField

CHECK_BYTES = 9
# A creation time and a ticket id, of lengths that DynamoDB accepts for sort and partition keys
# ("Service, account, and table quotas" in the DynamoDB Developer Guide). So a forged cursor cannot
# make DynamoDB reject the query.
POSITION = re.compile(rb"[^\0]{1,1024}\0[^\0]{1,2048}")


def after(ticket: Ticket, *query: str | None) -> str:
    """Return the cursor of the page that follows this ticket. `query` identifies the list."""
    position = f"{ticket.created_at}\0{ticket.ticket_id}".encode()
    return urlsafe_b64encode(_check(query, position) + position).decode()


def start_key(key: str, value: str, cursor: str, *query: str | None) -> dict[str, Any]:
    """Return the DynamoDB key after which the page of a cursor begins.

    Args:
        key: The partition key of the index.
        value: Its value.
        cursor: The cursor.
        query: What identifies the list, as in `after`.

    Raises:
        InvalidField: The cursor was altered or belongs to another list.
    """
    try:
        content = b64decode(cursor, b"-_", validate=True)
        check, position = content[:CHECK_BYTES], content[CHECK_BYTES:]
        if check != _check(query, position) or not POSITION.fullmatch(position):
            raise ValueError
        created_at, ticket_id = position.decode().split("\0")
    except ValueError:
        raise InvalidField(
            "cursor",
            "must be the unchanged next_cursor of the previous page, with the same query, but this"
            f" value of {len(cursor)} characters is not",
            "Copy the cursor again, or leave the field out to get the first page.",
        ) from None
    values = {key: value, "created_at": created_at, "ticket_id": ticket_id}
    return {name: {"S": text} for name, text in values.items()}


def _check(query: tuple[str | None, ...], position: bytes) -> bytes:
    # This detects mistakes. A forged cursor would only begin the same list elsewhere.
    parts = [*(part or "" for part in query), ""]
    return hashlib.sha256("\0".join(parts).encode() + position).digest()[:CHECK_BYTES]
