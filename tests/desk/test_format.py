"""The words of the desk's pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from itsm_app.desk import pages


@pytest.mark.parametrize(
    ("minutes", "words"),
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
def test_ages_are_words(minutes: int, words: str) -> None:
    moment = datetime.now(UTC) - timedelta(minutes=minutes, seconds=2)
    assert pages.age(moment.isoformat().replace("+00:00", "Z")) == words
