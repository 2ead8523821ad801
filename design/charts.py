"""Charts as SVG: bars, columns by day, and lines, without scripts, inline styles or external resources.

Colours and fonts are in charts.css, for light and dark. Each is drawn in three widths, of which the page shows the one
that fits: text in a drawing that is scaled down to a telephone's width would be too small to read.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, NamedTuple

WIDTHS = {"wide": 720, "medium": 480, "narrow": 300}
"""Widths in pixels, and heights of the part with the lines or columns."""
PLOT = {"wide": 220, "medium": 200, "narrow": 180}
LABELS = {"wide": 8, "medium": 5, "narrow": 3}
"""Names of days along the axis."""
ROW, THICK = 44, 16  # pixels, of a bar with its name, and of the bar
LETTER = 7.2  # pixels, of 13 px sans-serif
DASHES = ("none", "8 3", "2 4", "10 3 2 3")
DOTS = 40
"""Days up to which a line has a dot for each."""
SERIES = 8


class Point(NamedTuple):
    """A value of a chart. `label`: its bar or its day; `words`: the value as people read it."""

    series: str | None
    label: str
    value: float
    words: str


@dataclass(frozen=True)
class Chart:
    """What is drawn. `bars` lie, each with its name; `columns` and `lines` have the same days for every series.

    `spoken`: what screen readers say; the page has the values as a table, too. `tick`: writes a value of the axis.
    """

    style: Literal["bars", "columns", "lines"]
    spoken: str
    points: Sequence[Point]
    tick: Callable[[float], str] = lambda value: f"{value:,.10g}"


class _Area(NamedTuple):
    """Where values are drawn: between `left` and `right`, from `low` at the bottom to `high` at the top."""

    left: float
    right: float
    height: float
    low: float
    high: float

    def y(self, value: float) -> float:
        return 10 + (self.high - value) / (self.high - self.low) * self.height


def draw(chart: Chart) -> list[str]:
    """The chart as SVG in each width; nothing without points. Lines of a single day are bars."""
    if not chart.points:
        return []
    is_short = chart.style == "lines" and len({point.label for point in chart.points}) == 1
    drawing = _bars if chart.style == "bars" or is_short else _over_days
    return [_svg(chart, name, *drawing(chart, name)) for name in WIDTHS]


def _svg(chart: Chart, name: str, height: float, parts: list[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(chart.spoken)}" focusable="false" class="plot plot-{name}" '
        f'width="{WIDTHS[name]}" height="{height:.0f}" viewBox="0 0 {WIDTHS[name]} {height:.0f}">{"".join(parts)}</svg>'
    )


def _bars(chart: Chart, name: str) -> tuple[float, list[str]]:
    width = WIDTHS[name]
    low, high = min(0.0, *(p.value for p in chart.points)), max(0.0, *(p.value for p in chart.points))
    scale = width / ((high - low) or 1)
    parts = []
    for place, point in enumerate(chart.points):
        top = place * ROW
        label = point.series if point.series is not None and chart.style == "lines" else point.label
        room = int((width - len(point.words) * LETTER - 12) / LETTER)
        parts += [
            _text(0, top + 15, _short(label, room)),
            _text(width, top + 15, point.words, "end"),
            _rect(
                (min(point.value, 0) - low) * scale, top + 22, max(abs(point.value) * scale, 1), THICK,
                f"{label}: {point.words}",
            ),
        ]  # fmt: skip
        if low < 0:
            parts.append(_line(-low * scale, top + 18, -low * scale, top + 26 + THICK, "plot-zero"))
    return ROW * len(chart.points), parts


def _over_days(chart: Chart, name: str) -> tuple[float, list[str]]:
    days = list(dict.fromkeys(point.label for point in chart.points))
    ticks = _ticks(chart.points, 3 if name == "narrow" else 4)
    left = max(len(chart.tick(tick)) for tick in ticks) * LETTER + 10
    area = _Area(left, WIDTHS[name] - 8, PLOT[name], ticks[0], ticks[-1])
    step = (area.right - area.left) / len(days)
    middles = {day: area.left + step * (place + 0.5) for place, day in enumerate(days)}
    parts = [*_grid(chart, area, ticks), *_days(days, middles, area, LABELS[name])]
    if chart.style == "columns":
        parts += _columns(chart, area, middles, step * 0.7)
        return area.height + 36, parts
    names = list(dict.fromkeys(point.series for point in chart.points))
    for number, series in enumerate(names):
        parts += _drawn_line(chart, [p for p in chart.points if p.series == series], area, middles, number)
    legend = _legend([one for one in names if one is not None], area.height + 46, name)
    return area.height + 36 + legend[0], [*parts, *legend[1]]


def _grid(chart: Chart, area: _Area, ticks: Sequence[float]) -> Iterator[str]:
    has_scale = any(point.value for point in chart.points)
    for tick in ticks:
        yield _line(area.left, area.y(tick), area.right, area.y(tick), "plot-zero" if tick == 0 else "plot-grid")
        if has_scale or tick == 0:
            yield _text(area.left - 8, area.y(tick) + 4, chart.tick(tick), "end", "plot-axis")


def _days(days: Sequence[str], middles: dict[str, float], area: _Area, most: int) -> Iterator[str]:
    """Names of days at equal distances, from the first one."""
    for place in range(0, len(days), max(-(-(len(days) - 1) // (most - 1)), 1)):
        anchor = "middle"
        half = len(days[place]) * LETTER / 2
        if middles[days[place]] + half > area.right + 8:
            anchor = "end"
        elif middles[days[place]] - half < 0:
            anchor = "start"
        x = area.right + 8 if anchor == "end" else middles[days[place]]
        yield _text(x, area.height + 30, days[place], anchor, "plot-axis")


def _columns(chart: Chart, area: _Area, middles: dict[str, float], width: float) -> Iterator[str]:
    for point in chart.points:
        top, bottom = sorted((area.y(point.value), area.y(0)))
        x = middles[point.label] - width / 2
        yield _rect(x, min(top, bottom - 1), width, max(bottom - top, 1), f"{point.label}: {point.words}")


def _drawn_line(
    chart: Chart, points: Sequence[Point], area: _Area, middles: dict[str, float], number: int
) -> Iterator[str]:
    places = [(middles[point.label], area.y(point.value), point) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    yield f'<polyline class="plot-line {_class(number)}" points="{path}" fill="none"{_dash(number)}/>'
    if len(places) <= DOTS and not any(point.series for point in chart.points):
        for x, y, point in places:
            title = escape(f"{point.label}: {point.words}")
            yield (
                f'<circle class="plot-point {_class(number)}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{title}</title>'
                "</circle>"
            )


def _legend(names: Sequence[str], top: float, name: str) -> tuple[float, list[str]]:
    """Height and parts of the names of lines, in one to three columns."""
    columns = {"wide": 3, "medium": 2, "narrow": 1}[name]
    width = WIDTHS[name] / columns
    parts = []
    for number, series in enumerate(names):
        x, y = number % columns * width, top + number // columns * 22 + 10
        line = f'<line class="plot-line {_class(number)}" x1="{x:.1f}" y1="{y - 4:.1f}" x2="{x + 32:.1f}"'
        parts.append(f'{line} y2="{y - 4:.1f}"{_dash(number)}/>')
        parts.append(_text(x + 40, y, _short(series, int((width - 52) / LETTER))))
    return -(-len(names) // columns) * 22 + (10 if names else 0), parts


def _ticks(points: Sequence[Point], count: int) -> list[float]:
    """Round values from the lowest, at most 0, to the highest; whole ones for whole values."""
    values = [point.value for point in points]
    low, high = min(0.0, *values), max(0.0, *values)
    rough = ((high - low) or 1) / count
    size = 10 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough)
    if all(float(value).is_integer() for value in values):
        step = max(step, 1)
    first, last = math.floor(low / step), max(math.ceil(high / step), 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _class(number: int) -> str:
    return f"series-{number % SERIES + 1}"


def _dash(number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    return "" if dash == "none" else f' stroke-dasharray="{dash}"'


def _text(x: float, y: float, text: str, anchor: str = "start", name: str = "") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _rect(x: float, y: float, width: float, height: float, title: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="plot-bar" {place} rx="2"><title>{escape(title)}</title></rect>'


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: max(letters - 1, 1)] + "…"
