"""Small charts of the last hour: runs that were started and ended, and attempts that failed, in each minute."""

from dataclasses import dataclass

from flask import Response

from models.core.database import transaction
from monitoring.rates import Minute, cached
from web import access
from web.blueprint import ops
from web.language import gettext
from web.ops.pages import show

HEIGHT = 40


@dataclass(frozen=True)
class Chart:
    """The bars of a chart: their heights of HEIGHT. `kind`: a colour of the drawings."""

    title: str
    kind: str
    total: int
    most: int
    bars: list[int]


@ops.get("/rates")
@access.allowed("runs:read")
def rates() -> Response:
    """The charts, as a page and, for the overview, as a part of one."""
    with transaction() as session:
        minutes = cached.read(session)
    return show("rates.html", charts=draw(minutes), minutes=minutes)


def draw(minutes: list[Minute]) -> list[Chart]:
    """The charts of these minutes."""
    return [
        _chart(gettext("Runs started"), "now", [minute.started for minute in minutes]),
        _chart(gettext("Runs ended"), "good", [minute.ended for minute in minutes]),
        _chart(gettext("Failed attempts"), "bad", [minute.failed for minute in minutes]),
    ]


def _chart(title: str, kind: str, values: list[int]) -> Chart:
    most = max(values, default=0)
    bars = [0 if not value else max(round(value / most * HEIGHT), 2) for value in values]
    return Chart(title, kind, sum(values), most, bars)
