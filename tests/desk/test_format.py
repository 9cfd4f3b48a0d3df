"""Tests of the text formats of the desk pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from itsm_app.desk import pages


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "moments"),
        (1, "1 minute"),
        (59, "59 minutes"),
        (60, "1 hour"),
        (1439, "23 hours"),
        (1440, "1 day"),
        (144_000, "100 days"),
    ],
)
def test_age_returns_the_elapsed_time_as_text(minutes: int, text: str) -> None:
    moment = datetime.now(UTC) - timedelta(minutes=minutes, seconds=2)
    assert pages.age(moment.isoformat().replace("+00:00", "Z")) == text
