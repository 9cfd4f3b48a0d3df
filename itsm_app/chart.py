"""A chart of the days, as SVG text. The table beside it says the same in numbers.

There is no style in it, which a Content-Security-Policy would refuse: classes are for the page's
style sheet, and without one the colour is the text's.
"""

from __future__ import annotations

from collections.abc import Sequence

from .stats import Day

WIDTH = 480
# Of one row of bars, with its legend above and its dates below.
HEIGHT = 170
TOP, BOTTOM, LEFT = 40, 145, 44
OPACITIES = (0.45, 1)

# A name, and what it was on each day, if anything.
Series = tuple[str, list[float | None]]


def chart(days: Sequence[Day]) -> str:
    """Return the markup of an `svg` element: two rows of bars, a pair for each day."""
    dates = [f"{day.date}" for day in days]
    counts: list[Series] = [
        ("opened", [day.opened for day in days]),
        ("resolved", [day.resolved for day in days]),
    ]
    hours: list[Series] = [
        ("hours to first answer", [_hours(day.answer_seconds) for day in days]),
        ("hours to resolution", [_hours(day.resolution_seconds) for day in days]),
    ]
    span = f"{dates[0]} to {dates[-1]}" if dates else "no days"
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {2 * HEIGHT}" role="img" font-size="13"'
        ' fill="currentColor" aria-labelledby="chart-title chart-description">'
        f'<title id="chart-title">Tickets by day, {span}</title>'
        '<desc id="chart-description">Above, how many tickets were opened and resolved each day;'
        " below, the median hours to the first answer and to the resolution. The table has the"
        " numbers.</desc>"
        f"{_row(dates, counts, 0)}{_row(dates, hours, HEIGHT)}</svg>"
    )


def _row(dates: list[str], pair: list[Series], y: int) -> str:
    most = max((value or 0 for _, values in pair for value in values), default=0)
    # Nothing but zeros is drawn as such.
    scale = (BOTTOM - TOP) / (most or 1)
    parts = [_legend(pair), _axis(dates, most)]
    for place, (name, values) in enumerate(pair):
        parts += [
            _bar(len(dates), n, place, value * scale, f"{date}: {value:g} {name}")
            for n, (date, value) in enumerate(zip(dates, values, strict=True))
            if value is not None
        ]
    return f'<g transform="translate(0 {y})">{"".join(parts)}</g>'


def _legend(pair: list[Series]) -> str:
    parts = []
    x = LEFT
    for place, (name, _) in enumerate(pair):
        parts.append(
            f'<rect class="series-{place + 1}" x="{x}" y="9" width="12" height="12"'
            f' fill-opacity="{OPACITIES[place]}"/><text x="{x + 18}" y="20">{name}</text>'
        )
        x += 40 + 7 * len(name)
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


def _bar(days: int, n: int, place: int, height: float, said: str) -> str:
    room = (WIDTH - LEFT) / days
    # Two bars a day, and a gap of a fifth.
    x = LEFT + room * (n + 0.1 + 0.4 * place)
    return (
        f'<rect class="series-{place + 1}" x="{x:.1f}" y="{BOTTOM - height:.1f}"'
        f' width="{room * 0.4:.1f}" height="{height:.1f}" fill-opacity="{OPACITIES[place]}">'
        f"<title>{said}</title></rect>"
    )


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 1)
