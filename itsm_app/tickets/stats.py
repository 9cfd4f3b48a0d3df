"""What the desk got done, day by day, of the times that are on the tickets.

Days are UTC's. Tickets that were answered or resolved before these times were kept count as filed
only.
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

# How long before the first day a ticket may have been filed, and still count when it is answered
# or resolved.
LOOK_BACK_DAYS = 30
# Of each status. Each reads 1 MB, some 1,000 to 3,000 tickets.
MOST_QUERIES = 10


class Day(NamedTuple):
    """How many tickets were opened and first resolved on a day, and how long that took.

    In seconds since they were opened: the median of those that the desk first answered on that day,
    and of those that it resolved or closed. None where there are none.
    """

    date: date
    opened: int
    resolved: int
    answer_seconds: float | None
    resolution_seconds: float | None


def by_day(days: int) -> tuple[list[Day], date]:
    """Return the last days, today's last, and since when the tickets were filed that count.

    When there are more tickets than 40 Queries read, that is later, and the days may be fewer, down
    to none. Raises `StorageUnavailable`.
    """
    today = datetime.now(UTC).date()
    first = today - timedelta(days - 1)
    filed_since = first - timedelta(LOOK_BACK_DAYS)
    items: list[Item] = []
    for status in TRANSITIONS:
        pages = list(islice(queries.times(status, filed_since.isoformat()), MOST_QUERIES))
        found = [item for page in pages for item in page]
        if len(pages) == MOST_QUERIES and found:
            # There may be more, and of the last one's day.
            filed_since = max(filed_since, _filed_on(found[-1]) + timedelta(1))
        items += found
    items = [item for item in items if _filed_on(item) >= filed_since]
    first = max(first, filed_since)
    dates = [first + timedelta(n) for n in range((today - first).days + 1)]
    return _count(items, dates), filed_since


def _count(items: list[Item], dates: list[date]) -> list[Day]:
    opened = Counter(map(_filed_on, items))
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


def _filed_on(item: Item) -> date:
    return date.fromisoformat(item["created_at"]["S"][:10])
