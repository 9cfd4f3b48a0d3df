"""Where a list goes on: opaque to the client, bound to its query, and of no use when altered."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from typing import Any

from ..api.errors import InvalidField
from ..storage.models import Ticket

CHECK_BYTES = 9
# Whoever knows how the check is made can make up a place, but none that DynamoDB would refuse:
# "Service, account, and table quotas" in its Developer Guide, lengths of sort and partition keys.
PLACE = re.compile(rb"[^\0]{1,1024}\0[^\0]{1,2048}")


def after(ticket: Ticket, *query: str | None) -> str:
    """Return the cursor for what comes after this ticket in the list of a query."""
    place = f"{ticket.created_at}\0{ticket.ticket_id}".encode()
    return urlsafe_b64encode(_check(query, place) + place).decode()


def start_key(key: str, value: str, cursor: str, *query: str | None) -> dict[str, Any]:
    """Return the key of an index to go on from; its own key has this value.

    Raises `InvalidField` for the cursor of another query.
    """
    try:
        content = b64decode(cursor, b"-_", validate=True)
        check, place = content[:CHECK_BYTES], content[CHECK_BYTES:]
        if check != _check(query, place) or not PLACE.fullmatch(place):
            raise ValueError
        created_at, ticket_id = place.decode().split("\0")
    except ValueError:
        raise InvalidField(
            "cursor",
            "must be the next_cursor of the page before, unchanged, and with the same query, which"
            f" these {len(cursor)} characters are not",
            "Copy it again, or leave it out to begin anew.",
        ) from None
    values = {key: value, "created_at": created_at, "ticket_id": ticket_id}
    return {name: {"S": text} for name, text in values.items()}


def _check(query: tuple[str | None, ...], place: bytes) -> bytes:
    # Not against forgery, which would gain nobody anything, but against mistakes.
    parts = [*(part or "" for part in query), ""]
    return hashlib.sha256("\0".join(parts).encode() + place).digest()[:CHECK_BYTES]
