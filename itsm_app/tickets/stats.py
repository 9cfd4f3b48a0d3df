"""Statistics of the desk by day, computed from the timestamps of the tickets.

Days are in UTC. Older releases did not store `answered_at` and `resolved_at`. Tickets that were
answered or resolved under these releases count as opened only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from statistics import median
from typing import NamedTuple

from ..storage import queries
from ..storage.items import Item
from .lifecycle import TRANSITIONS

# The answers and resolutions of a day also count if the ticket was created before the first day, up
# to this many days.
LOOK_BACK_DAYS = 30
# How many queries are sent at most for each status. Each query reads 1 MB, which is 1,000 to 3,000
# tickets.
MAX_QUERIES = 10


class Day(NamedTuple):
    """The statistics of one day.

    Attributes:
        date: The day, in UTC.
        opened: How many tickets were created.
        resolved: How many tickets were resolved or closed for the first time.
        answer_seconds: The median time from creation to the first comment of the desk, for the
            tickets that got this comment on this day. None if there are no such tickets.
        resolution_seconds: The median time from creation to the first resolution or closing, for
            the tickets that `resolved` counts. None if there are no such tickets.
    """

    date: date
    opened: int
    resolved: int
    answer_seconds: float | None
    resolution_seconds: float | None


def by_day(days: int) -> tuple[list[Day], date]:
    """Return the statistics of the last `days` days, and the start of the reporting period.

    The last entry is today. Only tickets that were created in the reporting period count. The
    period begins 30 days before the first entry. If 10 queries do not read all tickets of a status,
    the period begins later, and the list can have fewer entries or none.
    """
    today = datetime.now(UTC).date()
    first = today - timedelta(days - 1)
    since = first - timedelta(LOOK_BACK_DAYS)
    items: list[Item] = []
    for status in TRANSITIONS:
        pages = list(islice(queries.status_times(status, since.isoformat()), MAX_QUERIES))
        found = [item for page in pages for item in page]
        if len(pages) == MAX_QUERIES and found:
            # More tickets can follow. Some of them can be from the same day as the last ticket that
            # was read, so this day is incomplete and does not count.
            since = max(since, _created_on(found[-1]) + timedelta(1))
        items += found
    items = [item for item in items if _created_on(item) >= since]
    first = max(first, since)
    dates = [first + timedelta(n) for n in range((today - first).days + 1)]
    return _count(items, dates), since


def _count(items: list[Item], dates: list[date]) -> list[Day]:
    opened = Counter(map(_created_on, items))
    answers, resolutions = _durations(items, "answered_at"), _durations(items, "resolved_at")
    return [
        Day(
            each,
            opened[each],
            len(resolutions.get(each, ())),
            median(answers[each]) if each in answers else None,
            median(resolutions[each]) if each in resolutions else None,
        )
        for each in dates
    ]


def _durations(items: list[Item], end_attribute: str) -> dict[date, list[float]]:
    durations: dict[date, list[float]] = defaultdict(list)
    for item in items:
        if end_attribute in item:
            end = datetime.fromisoformat(item[end_attribute]["S"])
            start = datetime.fromisoformat(item["created_at"]["S"])
            durations[end.date()].append((end - start).total_seconds())
    return durations


def _created_on(item: Item) -> date:
    return date.fromisoformat(item["created_at"]["S"][:10])
