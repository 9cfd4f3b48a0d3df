"""Tests of the desk's statistics and of their charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app.desk.charts import Chart, charts
from itsm_app.storage import items
from itsm_app.storage.models import Ticket
from itsm_app.storage.timestamps import format_timestamp as written
from itsm_app.tickets.stats import Day, Figures, Group, Report, report

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB
from .test_erasure import erase_caller
from .test_retention import set_expiry

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
NOTHING = Figures(0, 0, None, None)


def file(
    days: float,
    status: str = "open",
    text: str = "x",
    priority: str = "normal",
    assignee: str | None = None,
    **hours: float,
) -> str:
    """Store a ticket from noon, `days` days ago.

    `answered` and `resolved` are the hours from then until the first answer and the resolution.
    """
    at = NOON - timedelta(days)
    later = {f"{name}_at": written(at + timedelta(hours=count)) for name, count in hours.items()}
    times: dict[str, Any] = {"created_at": written(at), "updated_at": written(at), **later}
    ticket = Ticket(str(uuid4()), caller_id="a", issue_description=text, status=status, **times)
    ticket.priority, ticket.assignee = priority, assignee
    items.put_new(ticket)
    return str(ticket.ticket_id)


def day(days: int, *figures: Any) -> Day:
    return Day((NOON - timedelta(days)).date(), *figures)


def complete_statistics(days: int) -> list[Day]:
    """Return the statistics and assert that no ticket was left out."""
    found, filed_since, *_ = report(days)
    assert filed_since == found[0].date - timedelta(30)
    return found


def hours(count: float) -> float:
    return count * 3600


def test_each_day_counts_its_tickets_and_median_times(own_table: str) -> None:
    file(0)
    file(1, "in_progress", answered=1)
    file(1, "resolved", answered=2, resolved=4)
    file(1, "closed", answered=9, resolved=24)
    file(2, "closed", resolved=30)
    file(30, "closed", answered=24 * 28, resolved=24 * 30)
    file(40, "closed", resolved=24 * 40)
    assert complete_statistics(4) == [
        day(3, 0, 0, None, None),
        day(2, 1, 0, hours(24 * 28), None),
        day(1, 3, 2, hours(2), hours(17)),
        day(0, 1, 2, None, hours((24 + 24 * 30) / 2)),
    ]
    assert complete_statistics(1) == complete_statistics(4)[-1:]


def test_changes_by_the_desk_are_counted_at_once(
    client: FlaskClient, own_table: str, caller: str
) -> None:
    new = {"caller_id": caller, "issue_description": "No mail"}
    for change in ({"comment": "Yes?"}, {"status": "resolved"}, {"status": "closed"}, {}):
        ticket = client.post("/tickets", json=new).json["ticket_id"]
        assert client.patch(f"/tickets/{ticket}", json=change).status_code == 200
    (today,) = complete_statistics(1)
    assert today[:3] == (NOON.date(), 4, 2)
    assert 0 < today.answer_seconds < 60
    assert 0 < today.resolution_seconds < 60
    erase_caller(caller, "--yes")
    assert complete_statistics(1) == [today]


def test_expired_tickets_are_not_counted(own_table: str) -> None:
    set_expiry(file(0, "closed"), 0)
    set_expiry(file(0, "closed"), 60)
    assert complete_statistics(1) == [day(0, 1, 0, None, None)]


@ON_MOTO
def test_statistics_take_one_query_per_status(own_table: str, faults: FaultyDynamoDB) -> None:
    for _ in range(20):
        file(0)
    faults.operations.clear()
    report(30)
    assert faults.operations == ["Query"] * 4


def test_with_too_many_tickets_only_the_newest_days_are_returned(
    own_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("itsm_app.tickets.stats.MAX_QUERIES", 2)
    # A query page of 1 MB holds 3 to 5 of these tickets, depending on the engine.
    for days in range(6):
        for _ in range(2):
            file(days, text="x" * 250_000)
    file(9, "closed")
    # Created before `filed_since`, so its answer and its resolution today do not count.
    file(8, "closed", answered=24 * 8, resolved=24 * 8)
    found, filed_since, *_, is_backlog_complete = report(10)
    assert not is_backlog_complete
    assert found == [day(days, 2, 0, None, None) for days in reversed(range(len(found)))]
    assert 2 <= len(found) <= 4
    assert filed_since == found[0].date
    # Both days are returned, and `filed_since` still shows that older tickets do not count.
    assert report(2)[:2] == (found[-2:], filed_since)


def test_backlog_and_statistics_are_grouped_by_priority_and_assignee(own_table: str) -> None:
    file(0, priority="urgent", assignee="bob")
    file(0, "in_progress", priority="urgent", assignee="bob", answered=1)
    # The backlog has tickets of any age.
    file(400, "in_progress", assignee="anna.b", answered=24 * 399)
    file(1, priority="high")
    file(1, "closed", assignee="zoe", answered=3, resolved=5)
    file(60, "closed", assignee="yan", resolved=24 * 60)
    found = report(3)
    urgent, today = Figures(2, 0, hours(1), None), Figures(1, 1, hours(3), hours(5))
    opened = Figures(1, 0, None, None)
    assert found.priorities == [
        Group("urgent", 1, 1, urgent),
        Group("high", 1, 0, opened),
        Group("normal", 0, 1, today),
        Group("low", 0, 0, NOTHING),
    ]
    assert found.assignees == [
        Group("", 1, 0, opened),
        Group("bob", 1, 1, urgent),
        Group("anna.b", 0, 1, NOTHING),
        Group("zoe", 0, 0, today),
    ]
    assert [group.backlog for group in found.assignees] == [1, 2, 1, 0]
    assert found.is_backlog_complete


def test_groups_the_assignees_with_the_smallest_backlog(
    own_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("itsm_app.tickets.stats.MAX_ASSIGNEES", 2)
    for name in ("a", "b", "b", "c", "d"):
        file(0, assignee=name, answered=1)
    file(0, "resolved", assignee="e", answered=3, resolved=3)
    assert report(1).assignees == [
        Group("b", 2, 0, Figures(2, 0, hours(1), None)),
        Group("a", 1, 0, Figures(1, 0, hours(1), None)),
        Group(None, 2, 0, Figures(3, 1, hours(1), hours(3))),
    ]


def draw(days: list[Day], *groups: Group) -> list[Chart]:
    return charts(Report(days, NOON.date(), list(groups), [], True))


def test_charts_describe_the_backlog_and_the_days_in_text() -> None:
    days = [day(1, 3, 2, hours(2), hours(17.25)), day(0, 1, 0, None, None)]
    found = draw(days, Group("urgent", 2, 1, NOTHING), Group("low", 0, 4, NOTHING))
    first, second = (f"{each.date}" for each in days)
    assert [[bar.title for bar in chart.bars] for chart in found] == [
        ["Urgent: 2 open", "Low: 0 open", "Urgent: 1 in progress", "Low: 4 in progress"],
        [
            f"{first}: 3 opened",
            f"{second}: 1 opened",
            f"{first}: 2 resolved",
            f"{second}: 0 resolved",
        ],
        [f"{first}: 2 hours to first answer"],
        [f"{first}: 17.25 hours to resolution"],
    ]
    assert [chart.maximum for chart in found] == [4, 3, 2, 17.25]
    assert [chart.labels for chart in found] == [
        ["Urgent", "Low"],
        *[[f"{each.date.day}" for each in days]] * 3,
    ]
    assert [chart.axes for chart in found] == [
        ("Tickets", "Priority"),
        ("Tickets", f"Day, {first} to {second} (UTC)"),
        *[("Hours", f"Day, {first} to {second} (UTC)")] * 2,
    ]
    for chart in found:
        for bar in chart.bars:
            assert 0 < bar.x < bar.x + bar.width < chart.width
            assert bar.y + bar.height == pytest.approx(100)


def test_bar_heights_are_proportional_to_the_highest_bar() -> None:
    _, by_day, *_ = draw([day(1, 8, 2, None, None), day(0, 4, 0, None, None)])
    assert [bar.height for bar in by_day.bars] == [100, 50, 25, 0]


@pytest.mark.parametrize(
    ("days", "maximum"),
    [([], 0), ([day(0, 0, 0, None, None)], 0), ([day(0, 0, 0, 0.0, 0.0)], 0.01)],
)
def test_only_a_chart_without_data_has_the_maximum_0(days: list[Day], maximum: float) -> None:
    assert [chart.maximum for chart in draw(days)] == [0, 0, maximum, maximum]
