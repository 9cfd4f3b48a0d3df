"""Statistics of the desk by day, by priority and by assignee, and the backlog.

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
from .lifecycle import ACTIVE, TRANSITIONS
from .places import PRIORITY_RANKS

# An answer or a resolution also counts if its ticket was created at most this many days before the
# first day of the statistics.
LOOK_BACK_DAYS = 30
# How many queries are sent at most for each status. Each query reads 1 MB, which is 1,000 to 3,000
# tickets.
MAX_QUERIES = 10
# How many assignees have their own group at most. A name is free text, so there can be many.
MAX_ASSIGNEES = 30
UNASSIGNED = ""
OTHER_ASSIGNEES = None


class Figures(NamedTuple):
    """The statistics of a period and of a group of tickets.

    Attributes:
        opened: How many tickets were created.
        resolved: How many tickets were resolved or closed for the first time.
        answer_seconds: The median time from creation to the first comment of the desk, for the
            tickets that got this comment in the period. None if there are no such tickets.
        resolution_seconds: The median time from creation to the first resolution or closing, for
            the tickets that `resolved` counts. None if there are no such tickets.
    """

    opened: int
    resolved: int
    answer_seconds: float | None
    resolution_seconds: float | None


class Day(NamedTuple):
    """The statistics of one day, in UTC. For the other attributes, see `Figures`."""

    date: date
    opened: int
    resolved: int
    answer_seconds: float | None
    resolution_seconds: float | None


class Group(NamedTuple):
    """The tickets that have the same priority or the same assignee now.

    Attributes:
        name: The priority or the assignee, or `UNASSIGNED` or `OTHER_ASSIGNEES`.
        open: How many tickets are open now, whenever they were created.
        in_progress: How many tickets are in progress now, whenever they were created.
        figures: The statistics of the reported days.
    """

    name: str | None
    open: int
    in_progress: int
    figures: Figures

    @property
    def backlog(self) -> int:
        """How many tickets are open or in progress now."""
        return self.open + self.in_progress


class Report(NamedTuple):
    """The statistics of the last days.

    Attributes:
        days: The days, today last. There can be fewer than requested, or none, see `report`.
        opened_since: Only tickets that were created since this day count for `Figures`.
        priorities: The tickets by priority, the most urgent priority first.
        assignees: The tickets by assignee: unassigned tickets, then the largest backlog first.
        is_backlog_complete: Whether all open tickets and all tickets in progress were read. If not,
            the oldest tickets can be missing.
    """

    days: list[Day]
    opened_since: date
    priorities: list[Group]
    assignees: list[Group]
    is_backlog_complete: bool


class _Tally:
    """What `Figures` are computed from."""

    def __init__(self) -> None:
        self.opened = 0
        self.seconds: dict[str, list[float]] = {"answered_at": [], "resolved_at": []}

    def add(self, other: _Tally) -> None:
        self.opened += other.opened
        for attribute, seconds in other.seconds.items():
            self.seconds[attribute] += seconds

    def figures(self) -> Figures:
        answers, resolutions = self.seconds["answered_at"], self.seconds["resolved_at"]
        return Figures(
            self.opened,
            len(resolutions),
            median(answers) if answers else None,
            median(resolutions) if resolutions else None,
        )


# A day, or the kind and the name of a group.
_Tallies = defaultdict[date | tuple[str, str], _Tally]


def report(days: int) -> Report:
    """Return the statistics of the last `days` days, and the backlog of any age.

    For the days, only tickets that were created since 30 days before the first day count. If 10
    queries do not read all tickets of a status, the older tickets and their days do not count.
    """
    today = datetime.now(UTC).date()
    first = today - timedelta(days - 1)
    since = first - timedelta(LOOK_BACK_DAYS)
    items: list[Item] = []
    backlog: dict[str, list[Item]] = {}
    is_backlog_complete = True
    for status in TRANSITIONS:
        is_active = status in ACTIVE
        start = None if is_active else since.isoformat()
        pages = list(islice(queries.statistics_items(status, start), MAX_QUERIES))
        found = [item for page in pages for item in page]
        if len(pages) == MAX_QUERIES and found:
            # More tickets can follow. Some of them can be from the same day as the last ticket that
            # was read, so this day is incomplete and does not count.
            since = max(since, _created_on(found[-1]) + timedelta(1))
            is_backlog_complete &= not is_active
        if is_active:
            backlog[status] = found
        items += found
    first = max(first, since)
    dates = [first + timedelta(n) for n in range((today - first).days + 1)]
    tallies = _tally([item for item in items if _created_on(item) >= since], {*dates})
    return Report(
        [Day(each, *tallies[each].figures()) for each in dates],
        since,
        _by_priority(backlog, tallies),
        _by_assignee(backlog, tallies),
        is_backlog_complete,
    )


def _tally(items: list[Item], dates: set[date]) -> _Tallies:
    tallies: _Tallies = defaultdict(_Tally)
    for item in items:
        created_on = _created_on(item)
        groups = (("priority", _priority(item)), ("assignee", _assignee(item)))
        if created_on in dates:
            for key in (created_on, *groups):
                tallies[key].opened += 1
        for attribute in ("answered_at", "resolved_at"):
            if attribute in item:
                end = datetime.fromisoformat(item[attribute]["S"])
                start = datetime.fromisoformat(item["created_at"]["S"])
                if end.date() in dates:
                    for key in (end.date(), *groups):
                        tallies[key].seconds[attribute].append((end - start).total_seconds())
    return tallies


def _by_priority(backlog: dict[str, list[Item]], tallies: _Tallies) -> list[Group]:
    opened, started = (Counter(map(_priority, backlog[status])) for status in ACTIVE)
    return [
        Group(name, opened[name], started[name], tallies["priority", name].figures())
        for name in PRIORITY_RANKS
    ]


def _by_assignee(backlog: dict[str, list[Item]], tallies: _Tallies) -> list[Group]:
    opened, started = (Counter(map(_assignee, backlog[status])) for status in ACTIVE)
    total = opened + started
    names = {key[1] for key in tallies if isinstance(key, tuple) and key[0] == "assignee"}
    ranked = sorted({*total, *names}, key=lambda name: (name != UNASSIGNED, -total[name], name))
    groups = [
        Group(name, opened[name], started[name], tallies["assignee", name].figures())
        for name in ranked[:MAX_ASSIGNEES]
    ]
    if others := ranked[MAX_ASSIGNEES:]:
        rest = _Tally()
        for name in others:
            rest.add(tallies["assignee", name])
        open_count, started_count = (
            sum(each[name] for name in others) for each in (opened, started)
        )
        groups.append(Group(OTHER_ASSIGNEES, open_count, started_count, rest.figures()))
    return groups


def _created_on(item: Item) -> date:
    return date.fromisoformat(item["created_at"]["S"][:10])


def _priority(item: Item) -> str:
    return str(item["priority"]["S"]) if "priority" in item else "normal"


def _assignee(item: Item) -> str:
    return str(item["assignee"]["S"]) if "assignee" in item else UNASSIGNED
