"""How long closed tickets are kept (`RETENTION_DAYS`)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from .. import config


def days() -> int | None:
    """Return how many days closed tickets are kept. None means that they are kept for ever.

    Raises:
        InvalidSetting: `RETENTION_DAYS` is not a whole number from 1 to 99999.
    """
    if not config.RETENTION_DAYS:
        return None
    # `datetime` ends with the year 9999. 99999 days are 273 years, so `expires_at` stays below.
    if not re.fullmatch(r"[1-9]\d{0,4}", config.RETENTION_DAYS, re.ASCII):
        raise config.InvalidSetting(
            "RETENTION_DAYS must be a whole number from 1 to 99999, or empty"
        )
    return int(config.RETENTION_DAYS)


def expires_at(closed_at: str) -> int | None:
    """Return when a ticket that was closed at this time expires.

    The result is in seconds since 1970. None means that the ticket never expires.
    """
    kept = days()
    if kept is None:
        return None
    return int((datetime.fromisoformat(closed_at) + timedelta(days=kept)).timestamp())
