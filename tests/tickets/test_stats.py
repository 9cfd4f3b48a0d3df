"""Tests of the desk's statistics by day and of their chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from itsm_app.desk.charts import chart
from itsm_app.storage import items
from itsm_app.storage.models import Ticket
from itsm_app.storage.timestamps import format_timestamp as written
from itsm_app.tickets.stats import Day, by_day

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB
from .test_erasure import erase_caller
from .test_retention import set_expiry

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
SVG = "{http://www.w3.org/2000/svg}"


def file(days: float, status: str = "open", text: str = "x", **hours: float) -> str:
    """Store a ticket from noon, `days` days ago.

    `answered` and `resolved` are the hours from then until the first answer and the resolution.
    """
    at = NOON - timedelta(days)
    later = {f"{name}_at": written(at + timedelta(hours=count)) for name, count in hours.items()}
    times: dict[str, Any] = {"created_at": written(at), "updated_at": written(at), **later}
    ticket = Ticket(str(uuid4()), caller_id="a", issue_description=text, status=status, **times)
    items.put_new(ticket)
    return str(ticket.ticket_id)


def day(days: int, *figures: Any) -> Day:
    return Day((NOON - timedelta(days)).date(), *figures)


def complete_statistics(days: int) -> list[Day]:
    """Return the statistics and assert that no ticket was left out."""
    found, filed_since = by_day(days)
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
    by_day(30)
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
    found, filed_since = by_day(10)
    assert found == [day(days, 2, 0, None, None) for days in reversed(range(len(found)))]
    assert 2 <= len(found) <= 4
    assert filed_since == found[0].date
    # Both days are returned, and `filed_since` still shows that older tickets do not count.
    assert by_day(2) == (found[-2:], filed_since)


def draw(days: list[Day]) -> tuple[ElementTree.Element, list[str]]:
    """Return the chart and the titles of its bars."""
    svg = ElementTree.fromstring(chart(days).replace("<svg", f'<svg xmlns="{SVG[1:-1]}"', 1))
    bars = [rect for rect in svg.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    for bar in bars:
        x, y, width, height = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 44 <= x < x + width <= 480.1
        assert 34.9 <= y <= y + height <= 110.1
    return svg, [bar.find(f"{SVG}title").text for bar in bars]


def test_chart_describes_the_days_in_text() -> None:
    days = [day(1, 3, 2, hours(2), hours(17.25)), day(0, 1, 0, None, None)]
    svg, titles = draw(days)
    first, second = (f"{each.date}" for each in days)
    assert titles == [
        f"{first}: 3 opened",
        f"{second}: 1 opened",
        f"{first}: 2 resolved",
        f"{second}: 0 resolved",
        f"{first}: 2 hours to first answer",
        f"{first}: 17.2 hours to resolution",
    ]
    assert svg.find(f"{SVG}title").text == f"Tickets by day, {first} to {second}"
    assert svg.attrib["role"] == "img"
    labelled = svg.attrib["aria-labelledby"].split()
    assert labelled == [svg.find(f"{SVG}{name}").attrib["id"] for name in ("title", "desc")]
    assert "style" not in ElementTree.tostring(svg, encoding="unicode")


def test_bar_heights_are_proportional_to_the_highest_bar() -> None:
    svg, _ = draw([day(1, 8, 2, None, None), day(0, 4, 0, None, None)])
    bars = [rect for rect in svg.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    assert [float(bar.attrib["height"]) for bar in bars] == [75, 37.5, 18.8, 0]


@pytest.mark.parametrize(
    ("days", "bars"),
    [([], 0), ([day(0, 0, 0, None, None)], 2), ([day(0, 0, 0, 0.0, 0.0)], 4)],
)
def test_draws_a_chart_without_data(days: list[Day], bars: int) -> None:
    svg, titles = draw(days)
    assert len(titles) == bars
    assert "0" in [text.text for text in svg.iter(f"{SVG}text")]
