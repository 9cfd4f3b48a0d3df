"""A chart of the days, as SVG text. The table beside it says the same in numbers.

There is no style in it, which a Content-Security-Policy would refuse: the colour is the text's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..tickets.stats import Day

WIDTH = 480
# Of one row, with its legend above and its dates below.
HEIGHT = 140
TOP, BOTTOM, LEFT = 35, 110, 44


class Series(NamedTuple):
    """A name, what it was on each day, if anything, and how dark that is drawn."""

    name: str
    values: list[float | None]
    opacity: float


def chart(days: Sequence[Day]) -> str:
    """Return the markup of an `svg` element: three rows of bars, each of its own scale."""
    dates = [f"{day.date}" for day in days]
    rows = [
        [
            Series("opened", [day.opened for day in days], 0.45),
            Series("resolved", [day.resolved for day in days], 1),
        ],
        [Series("hours to first answer", [_hours(day.answer_seconds) for day in days], 1)],
        [Series("hours to resolution", [_hours(day.resolution_seconds) for day in days], 1)],
    ]
    drawn = "".join(_row(dates, row, n * HEIGHT) for n, row in enumerate(rows))
    span = f"{dates[0]} to {dates[-1]}" if dates else "no days"
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {len(rows) * HEIGHT}" role="img" font-size="13"'
        ' fill="currentColor" aria-labelledby="chart-title chart-description">'
        f'<title id="chart-title">Tickets by day, {span}</title>'
        '<desc id="chart-description">How many tickets were opened and resolved each day; the'
        " median hours to the first answer, of those answered that day; and to the resolution, of"
        " those resolved. The table has the numbers.</desc>"
        f"{drawn}</svg>"
    )


def _row(dates: list[str], row: list[Series], y: int) -> str:
    most = max((value or 0 for series in row for value in series.values), default=0)
    # Nothing but zeros is drawn as such.
    scale = (BOTTOM - TOP) / (most or 1)
    parts = [_legend(row), _axis(dates, most)]
    for place, series in enumerate(row):
        for n, value in enumerate(series.values):
            if value is not None:
                # The bars of a day, and a gap of a fifth.
                width = (WIDTH - LEFT) / len(dates) * 0.8 / len(row)
                x = LEFT + (n + 0.1) * (WIDTH - LEFT) / len(dates) + place * width
                said = f"{dates[n]}: {value:g} {series.name}"
                parts.append(_bar(x, width, value * scale, series.opacity, said))
    return f'<g transform="translate(0 {y})">{"".join(parts)}</g>'


def _bar(x: float, width: float, height: float, opacity: float, said: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{BOTTOM - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' fill-opacity="{opacity}"><title>{said}</title></rect>'
    )


def _legend(row: list[Series]) -> str:
    parts = []
    for place, series in enumerate(row):
        x = LEFT + 90 * place
        parts.append(
            f'<rect x="{x}" y="9" width="12" height="12" fill-opacity="{series.opacity}"/>'
            f'<text x="{x + 18}" y="20">{series.name}</text>'
        )
    return "".join(parts)


def _axis(dates: list[str], most: float) -> str:
    lines = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="currentColor"'
        ' stroke-opacity="0.3"/>'
        for y in (TOP, BOTTOM)
    )
    labels = f'<text x="{LEFT - 6}" y="{BOTTOM + 4}" text-anchor="end">0</text>'
    if most:
        labels += f'<text x="{LEFT - 6}" y="{TOP + 4}" text-anchor="end">{most:g}</text>'
    if dates:
        labels += f'<text x="{LEFT}" y="{BOTTOM + 18}">{dates[0]}</text>'
        labels += f'<text x="{WIDTH}" y="{BOTTOM + 18}" text-anchor="end">{dates[-1]}</text>'
    return lines + labels


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 1)
