"""Statistics of the desk by day, computed from the timestamps of the tickets.

Days are in UTC. Tickets from before a release stored `answered_at` and `resolved_at` count as
opened only.
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

# Tickets that were created up to this many days before the first day count when they are answered
# or resolved.
LOOK_BACK_DAYS = 30
# Queries for each status. Each reads 1 MB, which is 1,000 to 3,000 tickets.
MAX_QUERIES = 10


class Day(NamedTuple):
    """The statistics of one day.

    Attributes:
        date: The day, in UTC.
        opened: How many tickets were created.
        resolved: How many tickets were resolved or closed for the first time.
        answer_seconds: The median time from creation to the first answer of the desk, of the
            tickets first answered on this day. None if there are none.
        resolution_seconds: The median time from creation to resolution, of the tickets resolved on
            this day. None if there are none.
    """

    date: date
    opened: int
    resolved: int
    answer_seconds: float | None
    resolution_seconds: float | None


def by_day(days: int) -> tuple[list[Day], date]:
    """Return the statistics of the last `days` days, and the start of the reporting period.

    The last entry is today. Tickets created before the reporting period do not count. If the table
    has more tickets than 10 queries for each status read, the period begins later, and there can be
    fewer days or none.
    """
    today = datetime.now(UTC).date()
    first = today - timedelta(days - 1)
    since = first - timedelta(LOOK_BACK_DAYS)
    items: list[Item] = []
    for status in TRANSITIONS:
        pages = list(islice(queries.status_times(status, since.isoformat()), MAX_QUERIES))
        found = [item for page in pages for item in page]
        if len(pages) == MAX_QUERIES and found:
            # There may be more tickets, some of the same day as the last one that was read.
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


def _durations(items: list[Item], until: str) -> dict[date, list[float]]:
    durations: dict[date, list[float]] = defaultdict(list)
    for item in items:
        if until in item:
            end = datetime.fromisoformat(item[until]["S"])
            start = datetime.fromisoformat(item["created_at"]["S"])
            durations[end.date()].append((end - start).total_seconds())
    return durations


def _created_on(item: Item) -> date:
    return date.fromisoformat(item["created_at"]["S"][:10])
