"""Charts of reports as SVG: without scripts, styles or external resources, readable by screen readers.

Each is drawn in two widths: text in a drawing that is scaled down to a telephone's width would be too small to read.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any

import leather
from babel.numbers import get_currency_precision

from models.reports.kinds import CellType
from settings import settings

WIDE, NARROW = 880, 300
"""Widths in pixels: on a page of 60 rem, and on one of 320 pixels."""
HEIGHT, BAR = 300, 28
TICKS = {WIDE: 8, NARROW: 3}
LETTERS = {WIDE: 40, NARROW: 12}
COLOURS = ("#1f5f8b", "#a8442a", "#2e7d4f", "#6b4c9a", "#8a6d1f", "#b0307c", "#00707a", "#4a4a4a")
"""Contrast to white of at least 4.5:1 (WCAG 2.2, 1.4.11). Lines differ in their dashes too."""
DASHES = ("none", "8 3", "2 3", "10 3 2 3")

# Leather reads its theme from its module.
leather.theme.background_color = "#ffffff"
leather.theme.title_font_family = leather.theme.legend_font_family = leather.theme.tick_font_family = "sans-serif"
leather.theme.legend_color = leather.theme.label_color = "#1c2430"
leather.theme.tick_color, leather.theme.zero_color = "#d5dae1", "#5a6472"
leather.theme.tick_font_size = leather.theme.legend_font_size = 13
leather.theme.tick_font_char_width, leather.theme.legend_font_char_width = 8, 9

Points = Sequence[tuple[str | None, str, float]]
"""(series, label, value), as they are drawn."""


def points_of(chart: Mapping[str, Any], first: date, last: date, step: timedelta) -> Points:
    """The points of a chart of a report. Money is in major units. Days without a value are 0.

    `first`, `last`: the days of the period; `step`: between two points of a line.
    """
    scale = 10 ** get_currency_precision(settings.currency) if chart["type"] == "money" else 1
    known = [(series, label, value / scale) for series, label, value in chart["points"]]
    if chart["style"] == "bars":
        return known
    values = {(series, label): value for series, label, value in known}
    days = _days(first, last, step)
    series = list(dict.fromkeys(one for one, _, _ in known))
    return [(one, day, values.get((one, day), 0.0)) for one in series for day in days]


def _days(first: date, last: date, step: timedelta) -> list[str]:
    if step.days == 7:
        first -= timedelta(days=first.weekday())  # weeks begin on Mondays, as in PostgreSQL's date_trunc
    return [(first + n * step).isoformat() for n in range((last - first) // step + 1)]


def draw(title: str, style: str, type_: CellType, points: Points) -> Iterator[tuple[str, str]]:
    """The chart as (CSS class, SVG), `wide` and `narrow`. Lines of a single day are drawn as bars."""
    days = {label for _, label, _ in points}
    as_lines = style == "lines" and len(days) > 1
    unit = f" in {settings.currency}" if type_ == "money" else ""
    spoken = f"{title}{unit}: {len(points)} values, the highest {max(value for _, _, value in points):,.2f}"
    for name, width in (("wide", WIDE), ("narrow", NARROW)):
        drawn = _lines(points, width) if as_lines else _bars(points, width)
        attributes = f'role="img" aria-label="{escape(spoken)}" focusable="false" class="{name}"'
        yield name, drawn.replace("<svg ", f"<svg {attributes} ", 1)


def _lines(points: Points, width: int) -> str:
    chart = leather.Chart()
    names = list(dict.fromkeys(series for series, _, _ in points))
    for place, name in enumerate(names):
        data = [(date.fromisoformat(label).toordinal(), value) for series, label, value in points if series == name]
        chart.add_line(
            data, name=None if name is None else _short(name, width), stroke_color=COLOURS[place % len(COLOURS)],
            stroke_dasharray=DASHES[place % len(DASHES)],
        )  # fmt: skip
    days = sorted({date.fromisoformat(label).toordinal() for _, label, _ in points})
    values = [value for _, _, value in points]
    chart.add_x_scale(days[0], days[-1])
    chart.add_x_axis(ticks=_spread(days, TICKS[width]), tick_formatter=_day)
    chart.add_y_scale(min(0.0, *values), max(1.0, *values))
    chart.add_y_axis(tick_formatter=_number)
    legend = len(names) if width == NARROW else len(names) // 4
    return _svg(chart, width, HEIGHT + 18 * legend)


def _bars(points: Points, width: int) -> str:
    chart = leather.Chart()
    seen: dict[str, int] = {}
    data = []
    for _, label, value in points:
        short = _short(label, width)
        seen[short] = seen.get(short, 0) + 1
        data.append((value, short if seen[short] == 1 else f"{short} {seen[short]}"))
    values = [value for value, _ in data]
    chart.add_bars(data, fill_color=COLOURS[0])
    chart.add_x_scale(min(0.0, *values), max(1.0, *values))
    ends = [min(0.0, *values), max(1.0, *values)]
    chart.add_x_axis(ticks=ends if width == NARROW else None, tick_formatter=_number)
    return _svg(chart, width, 80 + BAR * len(data))


def _svg(chart: leather.Chart, width: int, height: int) -> str:
    drawn: str = chart.to_svg(width=width, height=height)
    return drawn


def _spread(days: Sequence[int], count: int) -> list[int]:
    """At most `count` of the days, evenly spread, with the first and the last one."""
    if len(days) <= count:
        return list(days)
    return [days[round(place * (len(days) - 1) / (count - 1))] for place in range(count)]


def _day(value: float, place: int, count: int) -> str:
    return f"{date.fromordinal(int(value)):%d %b}"


def _number(value: float, place: int, count: int) -> str:
    return f"{float(value):,.10g}" if abs(value) < 1000 else f"{float(value):,.0f}"


def _short(text: str, width: int) -> str:
    return text if len(text) <= LETTERS[width] else text[: LETTERS[width] - 1] + "…"
