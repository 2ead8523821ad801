"""The charts of a report as figures: titles, drawings and values in the language of their reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from design.charts import Chart, Point, draw
from models.reports.kinds import CellType
from models.reports.tables import Report
from settings import settings


@dataclass(frozen=True)
class Words:
    """How a language writes a report. `text`: titles; `value`: a cell of a type; `tick`: a value of an axis, short;
    `day`: a day, short; `spoken`: what a chart says to screen readers, with `title`, `count` and `highest`."""

    text: Callable[[str], str]
    value: Callable[[Any, CellType], str]
    tick: Callable[[float, CellType], str]
    day: Callable[[date], str]
    spoken: str


@dataclass(frozen=True)
class Figure:
    """A chart: its title, its drawings in three widths, and its values."""

    title: str
    drawn: Sequence[str]
    points: Sequence[Point]


def figures_of(report: Report, words: Words) -> list[Figure]:
    """The charts of a report. Days without a value are 0."""
    first, last = report.period_start.date(), (report.period_end - timedelta(microseconds=1)).date()
    step = timedelta(days=7 if report.options.get("interval") == "week" else 1)
    return [_figure(chart, list(_days(first, last, step)), words) for chart in report.body["charts"]]


def _figure(chart: Mapping[str, Any], days: Sequence[date], words: Words) -> Figure:
    type_: CellType = chart["type"]
    title = words.text(chart["title"]) + (f" ({settings.currency})" if type_ == "money" else "")
    points = list(_bars(chart, words) if chart["style"] == "bars" else _lines(chart, days, words))
    highest = max(points, key=lambda point: point.value).words
    spoken = words.spoken % {"title": title, "count": len(points), "highest": highest}
    drawn = draw(Chart(chart["style"], spoken, points, lambda value: words.tick(value, type_)))
    return Figure(title, drawn, points)


def _bars(chart: Mapping[str, Any], words: Words) -> Iterator[Point]:
    for series, label, value in chart["points"]:
        yield Point(series, label, value, words.value(value, chart["type"]))


def _lines(chart: Mapping[str, Any], days: Sequence[date], words: Words) -> Iterator[Point]:
    known = {(series, label): value for series, label, value in chart["points"]}
    for series in dict.fromkeys(series for series, _ in known):
        for day in days:
            value = known.get((series, day.isoformat()), 0)
            yield Point(series, words.day(day), value, words.value(value, chart["type"]))


def _days(first: date, last: date, step: timedelta) -> Iterator[date]:
    if step.days == 7:
        first -= timedelta(days=first.weekday())  # weeks begin on Mondays, as in PostgreSQL's date_trunc
    for number in range((last - first) // step + 1):
        yield first + number * step
