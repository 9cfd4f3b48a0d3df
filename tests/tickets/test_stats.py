"""What the desk got done, in figures and as a picture."""

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
from .test_retention import set_end

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
SVG = "{http://www.w3.org/2000/svg}"


def file(days: float, status: str = "open", text: str = "x", **hours: float) -> str:
    """File a ticket at noon so many days ago; answered and resolved so many hours later."""
    at = NOON - timedelta(days)
    later = {f"{name}_at": written(at + timedelta(hours=each)) for name, each in hours.items()}
    times: dict[str, Any] = {"created_at": written(at), "updated_at": written(at), **later}
    ticket = Ticket(str(uuid4()), caller_id="a", issue_description=text, status=status, **times)
    items.put_new(ticket)
    return str(ticket.ticket_id)


def day(days: int, *figures: Any) -> Day:
    return Day((NOON - timedelta(days)).date(), *figures)


def told(days: int) -> list[Day]:
    """Return the days, of all that was filed in time."""
    found, filed_since = by_day(days)
    assert filed_since == found[0].date - timedelta(30)
    return found


def hours(count: float) -> float:
    return count * 3600


def test_each_day_has_what_happened_on_it(own_table: str) -> None:
    file(0)
    file(1, "in_progress", answered=1)
    file(1, "resolved", answered=2, resolved=4)
    file(1, "closed", answered=9, resolved=24)
    file(2, "closed", resolved=30)
    file(30, "closed", answered=24 * 28, resolved=24 * 30)
    file(40, "closed", resolved=24 * 40)
    assert told(4) == [
        day(3, 0, 0, None, None),
        day(2, 1, 0, hours(24 * 28), None),
        day(1, 3, 2, hours(2), hours(17)),
        day(0, 1, 2, None, hours((24 + 24 * 30) / 2)),
    ]
    assert told(1) == told(4)[-1:]


def test_the_desks_work_is_counted_as_it_does_it(
    client: FlaskClient, own_table: str, caller: str
) -> None:
    new = {"caller_id": caller, "issue_description": "No mail"}
    for change in ({"comment": "Yes?"}, {"status": "resolved"}, {"status": "closed"}, {}):
        ticket = client.post("/tickets", json=new).json["ticket_id"]
        assert client.patch(f"/tickets/{ticket}", json=change).status_code == 200
    (today,) = told(1)
    assert today[:3] == (NOON.date(), 4, 2)
    assert 0 < today.answer_seconds < 60
    assert 0 < today.resolution_seconds < 60
    erase_caller(caller, "--yes")
    assert told(1) == [today]


def test_what_is_past_its_time_is_not_counted(own_table: str) -> None:
    set_end(file(0, "closed"), 0)
    set_end(file(0, "closed"), 60)
    assert told(1) == [day(0, 1, 0, None, None)]


@ON_MOTO
def test_it_takes_one_query_a_status(own_table: str, faults: FaultyDynamoDB) -> None:
    for _ in range(20):
        file(0)
    faults.operations.clear()
    by_day(30)
    assert faults.operations == ["Query"] * 4


def test_with_too_many_tickets_the_newest_days_are_told_of_what_was_filed_on_them(
    own_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("itsm_app.tickets.stats.MAX_QUERIES", 2)
    # Three to five to a megabyte, as each engine counts.
    for days in range(6):
        for _ in range(2):
            file(days, text="x" * 250_000)
    file(9, "closed")
    # Of those that were filed before, not all would be found.
    file(8, "closed", answered=24 * 8, resolved=24 * 8)
    found, filed_since = by_day(10)
    assert found == [day(days, 2, 0, None, None) for days in reversed(range(len(found)))]
    assert 2 <= len(found) <= 4
    assert filed_since == found[0].date
    # A cut before the first day leaves all days, and is told too.
    assert by_day(2) == (found[-2:], filed_since)


def drawn(days: list[Day]) -> tuple[ElementTree.Element, list[str]]:
    """Return the chart, and what each of its bars says."""
    svg = ElementTree.fromstring(chart(days).replace("<svg", f'<svg xmlns="{SVG[1:-1]}"', 1))
    bars = [each for each in svg.iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]
    for bar in bars:
        x, y, width, height = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 44 <= x < x + width <= 480.1
        assert 34.9 <= y <= y + height <= 110.1
    return svg, [bar.find(f"{SVG}title").text for bar in bars]


def test_the_chart_says_what_the_days_are() -> None:
    days = [day(1, 3, 2, hours(2), hours(17.25)), day(0, 1, 0, None, None)]
    svg, said = drawn(days)
    first, second = (f"{each.date}" for each in days)
    assert said == [
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


def test_the_highest_bar_fills_its_row_and_the_others_are_in_proportion() -> None:
    svg, _ = drawn([day(1, 8, 2, None, None), day(0, 4, 0, None, None)])
    bars = [each for each in svg.iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]
    assert [float(each.attrib["height"]) for each in bars] == [75, 37.5, 18.8, 0]


@pytest.mark.parametrize(
    ("days", "bars"),
    [([], 0), ([day(0, 0, 0, None, None)], 2), ([day(0, 0, 0, 0.0, 0.0)], 4)],
)
def test_a_chart_of_nothing_is_a_chart(days: list[Day], bars: int) -> None:
    svg, said = drawn(days)
    assert len(said) == bars
    assert "0" in [each.text for each in svg.iter(f"{SVG}text")]
