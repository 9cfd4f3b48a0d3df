"""How long closed tickets are kept, and that nobody meets one past its time.

DynamoDB removes an item within a few days after its time, and finds it until then: "Working with
expired items and time to live (TTL)" in the DynamoDB Developer Guide.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta

from .. import config
from ..api.errors import InvalidSetting
from ..storage.models import Ticket

# What holds for an item that is not past its time, with `clock` as `:clock`.
KEPT = "(attribute_not_exists(expires_at) OR expires_at > :clock)"


def days() -> int | None:
    """Return how many days closed tickets are kept, None for ever. Raises `InvalidSetting`."""
    if not config.RETENTION_DAYS:
        return None
    # Up to 273 years: the date that follows has to be one.
    if not re.fullmatch(r"[1-9]\d{0,4}", config.RETENTION_DAYS, re.ASCII):
        raise InvalidSetting("RETENTION_DAYS must be a whole number from 1 to 99999, or empty")
    return int(config.RETENTION_DAYS)


def expires_at(closed_at: str) -> dict[str, str] | None:
    """Return when a ticket that is closed at this time ends, as DynamoDB has it, if ever."""
    kept = days()
    if kept is None:
        return None
    end = datetime.fromisoformat(closed_at) + timedelta(days=kept)
    # Time to Live takes a Number of seconds since 1970.
    return {"N": str(int(end.timestamp()))}


def clock() -> dict[str, str]:
    """Return the time as `expires_at` has it."""
    return {"N": str(int(time.time()))}


def is_over(ticket: Ticket) -> bool:
    """Whether a ticket is past its time, and like one that never was."""
    return ticket.expires_at is not None and ticket.expires_at <= time.time()
