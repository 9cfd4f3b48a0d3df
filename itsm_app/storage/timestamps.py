"""Timestamps as they are stored and as the API shows them: `2026-02-09T12:20:25.343883Z`."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the current time."""
    return format_timestamp(datetime.now(UTC))


def format_timestamp(moment: datetime) -> str:
    """Return a `datetime` that has a time zone as RFC 3339 text in UTC, with microseconds.

    The alphabetical order of these texts is the order of time.
    """
    utc = moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds").replace("+00:00", "Z")
