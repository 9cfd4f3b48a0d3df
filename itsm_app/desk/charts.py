"""The charts of the statistics. The tables below them have the same numbers.

A template draws the bars as SVG, stretched to the width of the page, and writes the labels as HTML
text, which keeps its size. The Content-Security-Policy forbids styles in the markup, so the bars
have attributes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..tickets.stats import Report

# In SVG units. The bars of a day or a priority share a slot, with a gap at each side.
SLOT_WIDTH = 100
HEIGHT = 100
GAP = 12


class Bar(NamedTuple):
    """A bar: its place in SVG units, its series, and its text."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


class Chart(NamedTuple):
    """A bar chart.

    Attributes:
        title: The name of the chart.
        empty: The sentence that replaces a chart without data.
        axes: The names of the vertical and of the horizontal axis.
        labels: The labels of the horizontal axis, one for each slot.
        series: The names of the series.
        maximum: The highest value, or 0 for a chart without data.
        width: The width of all slots, in SVG units.
        bars: The bars.
    """

    title: str
    empty: str
    axes: tuple[str, str]
    labels: list[str]
    series: list[str]
    maximum: float
    width: int
    bars: list[Bar]


def charts(report: Report) -> list[Chart]:
    """Return the charts of the backlog and of the days."""
    days, groups = report.days, report.priorities
    dates = [f"{day.date}" for day in days]
    # A date does not fit below a bar on a phone. The name of the axis has the month and the year.
    day_axis = f"Day, {dates[0]} to {dates[-1]} (UTC)" if dates else ""
    return [
        _chart(
            ("Backlog by priority", "No ticket is open or in progress.", ("Tickets", "Priority")),
            [f"{group.name}".capitalize() for group in groups],
            {
                "open": [group.open for group in groups],
                "in progress": [group.in_progress for group in groups],
            },
        ),
        _chart(
            (
                "Tickets by day",
                "No ticket was opened or resolved in these days.",
                ("Tickets", day_axis),
            ),
            dates,
            {"opened": [day.opened for day in days], "resolved": [day.resolved for day in days]},
        ),
        _chart(
            (
                "Median time to first answer",
                "No ticket was answered for the first time in these days.",
                ("Hours", day_axis),
            ),
            dates,
            {"hours to first answer": [_hours(day.answer_seconds) for day in days]},
        ),
        _chart(
            (
                "Median time to resolution",
                "No ticket was resolved in these days.",
                ("Hours", day_axis),
            ),
            dates,
            {"hours to resolution": [_hours(day.resolution_seconds) for day in days]},
        ),
    ]


def _chart(
    texts: tuple[str, str, tuple[str, str]],
    slots: list[str],
    series: dict[str, Sequence[float | None]],
) -> Chart:
    maximum = max((value or 0 for values in series.values() for value in values), default=0)
    width = (SLOT_WIDTH - 2 * GAP) / len(series)
    bars = [
        Bar(
            slot * SLOT_WIDTH + GAP + number * width,
            round(HEIGHT - value * HEIGHT / (maximum or 1), 1),
            width,
            round(value * HEIGHT / (maximum or 1), 1),
            number,
            f"{slots[slot]}: {value:g} {name}",
        )
        for number, (name, values) in enumerate(series.items())
        for slot, value in enumerate(values)
        if value is not None
    ]
    # The label of a date is its day of the month.
    labels = [slot.rpartition("-")[2].removeprefix("0") for slot in slots]
    return Chart(*texts, labels, [*series], maximum, len(slots) * SLOT_WIDTH, bars)


def _hours(seconds: float | None) -> float | None:
    # A value of 0 would look like a day without tickets.
    return None if seconds is None else max(0.01, round(seconds / 3600, 2))
