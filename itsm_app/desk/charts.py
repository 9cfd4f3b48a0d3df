"""The chart of the statistics by day, as SVG. The table below it has the same numbers.

The markup contains no style, which the Content-Security-Policy forbids. The bars have the color of
the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..tickets.stats import Day

# In SVG units. The height is that of one row of bars, with the legend above and the dates below.
WIDTH = 480
HEIGHT = 140
TOP, BOTTOM, LEFT = 35, 110, 44


class Series(NamedTuple):
    """The bars of one name: a value for each day, None for no bar, and the opacity of the bars."""

    name: str
    values: list[float | None]
    opacity: float


def chart(days: Sequence[Day]) -> str:
    """Return an `svg` element with three rows of bars. Each row has its own scale."""
    dates = [f"{day.date}" for day in days]
    rows = [
        [
            Series("opened", [day.opened for day in days], 0.45),
            Series("resolved", [day.resolved for day in days], 1),
        ],
        [Series("hours to first answer", [_hours(day.answer_seconds) for day in days], 1)],
        [Series("hours to resolution", [_hours(day.resolution_seconds) for day in days], 1)],
    ]
    content = "".join(_row(dates, row, n * HEIGHT) for n, row in enumerate(rows))
    period = f"{dates[0]} to {dates[-1]}" if dates else "no days"
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {len(rows) * HEIGHT}" role="img" font-size="13"'
        ' fill="currentColor" aria-labelledby="chart-title chart-description">'
        f'<title id="chart-title">Tickets by day, {period}</title>'
        '<desc id="chart-description">For each day: the number of tickets opened and resolved, the'
        " median hours to the first answer of the tickets first answered on that day, and the"
        " median hours to the resolution of the tickets resolved on that day. The table has the"
        " same numbers.</desc>"
        f"{content}</svg>"
    )


def _row(dates: list[str], row: list[Series], y: int) -> str:
    maximum = max((value or 0 for series in row for value in series.values), default=0)
    # If all values are zero, the scale does not matter.
    scale = (BOTTOM - TOP) / (maximum or 1)
    parts = [_legend(row), _axis(dates, maximum)]
    for position, series in enumerate(row):
        for n, value in enumerate(series.values):
            if value is not None:
                # The bars of one day share 80 % of the day's width. The rest is a gap.
                width = (WIDTH - LEFT) / len(dates) * 0.8 / len(row)
                x = LEFT + (n + 0.1) * (WIDTH - LEFT) / len(dates) + position * width
                title = f"{dates[n]}: {value:g} {series.name}"
                parts.append(_bar(x, width, value * scale, series.opacity, title))
    return f'<g transform="translate(0 {y})">{"".join(parts)}</g>'


def _bar(x: float, width: float, height: float, opacity: float, title: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{BOTTOM - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' fill-opacity="{opacity}"><title>{title}</title></rect>'
    )


def _legend(row: list[Series]) -> str:
    parts = []
    for position, series in enumerate(row):
        x = LEFT + 90 * position
        parts.append(
            f'<rect x="{x}" y="9" width="12" height="12" fill-opacity="{series.opacity}"/>'
            f'<text x="{x + 18}" y="20">{series.name}</text>'
        )
    return "".join(parts)


def _axis(dates: list[str], maximum: float) -> str:
    lines = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="currentColor"'
        ' stroke-opacity="0.3"/>'
        for y in (TOP, BOTTOM)
    )
    labels = f'<text x="{LEFT - 6}" y="{BOTTOM + 4}" text-anchor="end">0</text>'
    if maximum:
        labels += f'<text x="{LEFT - 6}" y="{TOP + 4}" text-anchor="end">{maximum:g}</text>'
    if dates:
        labels += f'<text x="{LEFT}" y="{BOTTOM + 18}">{dates[0]}</text>'
        labels += f'<text x="{WIDTH}" y="{BOTTOM + 18}" text-anchor="end">{dates[-1]}</text>'
    return lines + labels


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 1)
