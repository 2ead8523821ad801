"""Writing a report: its slices, the lines of a slice, and what they add up to."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from sqlalchemy import DateTime, String, TextClause, bindparam, delete, text
from sqlalchemy.orm import Session

from durable.ids import Id
from models.reports.kinds import SQL_TYPES, Chart, Kind
from models.reports.sales_kinds import COVER, DEAD_STOCK, SELL_THROUGH, TRENDS
from models.reports.stock_kinds import LEVELS, MOVEMENTS, VALUATION
from models.reports.tables import Line, Report

KINDS = {kind.name: kind for kind in (LEVELS, VALUATION, MOVEMENTS, TRENDS, COVER, DEAD_STOCK, SELL_THROUGH)}
"""Name → kind."""
SLICES = 100
"""Slices of a report, so that a run does not grow with the shop. In a larger shop, each slice is larger."""
PRODUCTS = 20_000
"""Products of a slice, unless there were more than SLICES."""
GROUPS = 100
"""Groups in a report, the largest first: what staff write as the reason of a movement is unlimited."""
LINES_SHOWN = 8
"""Lines of a chart with several."""


class Options(TypedDict):
    """What a report is limited to. `interval`: `day` or `week`."""

    warehouse_id: NotRequired[str]
    product_id: NotRequired[str]
    category_id: NotRequired[str]
    interval: NotRequired[str]


class Slice(TypedDict):
    """Products from `first` (inclusive) to `last` (exclusive; None: the end), or times."""

    first: str
    last: str | None


class Scope(TypedDict):
    """What a report is about. `start`, `end`: its period (RFC 3339)."""

    report_id: str
    kind: str
    start: str
    end: str
    options: Options
    slices: list[Slice]


EVERYTHING = Slice(first="prd_" + "0" * 32, last=None)
_BOUNDS = text("""
    SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS all_of_them
        FROM catalogue.product) AS product
    WHERE place > 0 AND place % greatest(:size, (all_of_them + :slices - 1) / :slices) = 0 ORDER BY id
""").columns(id=Id("prd"))


def cut(session: Session, kind: Kind, start: datetime, end: datetime) -> list[Slice]:
    """The slices by which a report is written, at most SLICES. Together they cover it without gaps."""
    if kind.slicing == "once":
        return [EVERYTHING]
    if kind.slicing == "days":
        days = -(-(end - start) // timedelta(days=1))
        step = timedelta(days=-(-days // SLICES))
        bounds = [start + n * step for n in range(-(-days // step.days))]
        # A day is not cut in two, so that it has one line for each reason.
        times = [bound if bound == start else _midnight(bound) for bound in bounds]
        ends = [*times[1:], end]
        return [Slice(first=a.isoformat(), last=b.isoformat()) for a, b in zip(times, ends, strict=True) if a < b]
    found = session.scalars(_BOUNDS, {"size": PRODUCTS, "slices": SLICES}).all()
    firsts = [EVERYTHING["first"], *found]
    return [Slice(first=a, last=b) for a, b in zip(firsts, [*found, None], strict=True)]


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


_TYPES: dict[str, Any] = {
    "first": Id("prd"), "last": Id("prd"), "first_time": DateTime(timezone=True), "last_time": DateTime(timezone=True),
    "warehouse_id": Id("wh"), "product_id": Id("prd"), "category_id": Id("cat"), "interval": String(),
    "start": DateTime(timezone=True), "end": DateTime(timezone=True),
}  # fmt: skip


def _statement(kind: Kind) -> TextClause:
    found = text(f"""
        INSERT INTO reports.line (report_id, slice, number, cells)
        SELECT :report_id, :slice, row_number() OVER (ORDER BY {kind.order}), to_jsonb(found)
        FROM ({kind.rows}) AS found
    """)  # noqa: S608, constants only
    typed: list[Any] = [bindparam(name, type_=type_) for name, type_ in _TYPES.items() if name in found._bindparams]
    return found.bindparams(bindparam("report_id", type_=Id("rep")), *typed)


_WRITE = {name: _statement(kind) for name, kind in KINDS.items()}


def discard(session: Session, report_id: str) -> None:
    """Deletes what is written of a report that is to be written again. Until then there is no such report."""
    for table, key in ((Report, Report.id), (Line, Line.report_id)):
        session.execute(delete(table).where(key == report_id))


def write_slice(session: Session, scope: Scope, number: int) -> int:
    """Writes the lines of a slice, as of now, and returns how many. Replaces those that it had."""
    kind, one = KINDS[scope["kind"]], scope["slices"][number]
    session.execute(delete(Line).where(Line.report_id == scope["report_id"], Line.slice == number))
    values: dict[str, object] = {name: scope["options"].get(name) for name in ("warehouse_id", "product_id")}
    values |= {"category_id": scope["options"].get("category_id"), "interval": scope["options"].get("interval", "day")}
    values |= {name: datetime.fromisoformat(scope[name]) for name in ("start", "end")}
    if kind.slicing == "days":
        values |= {"first_time": datetime.fromisoformat(one["first"])}
        values |= {"last_time": datetime.fromisoformat(one["last"] or scope["end"])}
    else:
        values |= {"first": one["first"], "last": one["last"]}
    wanted = {name: value for name, value in values.items() if name in _WRITE[kind.name]._bindparams}
    done = session.connection().execute(_WRITE[kind.name], {"report_id": scope["report_id"], "slice": number, **wanted})
    return done.rowcount


def publish(session: Session, scope: Scope, slot: str, run_id: str, rows: int) -> Report:
    """Adds up the lines and publishes the report, in place of an earlier one of the same run.

    Raises IntegrityError if the slot already has another one.
    """
    kind, report_id = KINDS[scope["kind"]], scope["report_id"]
    session.execute(delete(Report).where(Report.id == report_id, Report.run_id == run_id))
    names = ", ".join(f"{expression} AS {name}" for name, (_, expression) in kind.totals.items())
    first = next(iter(kind.totals))
    totals = _ask(session, kind, report_id, f"SELECT {names} FROM line WHERE {kind.where}")[0]  # noqa: S608
    by_group = f"""SELECT {kind.group} AS name, {names} FROM line WHERE {kind.where}
        GROUP BY 1 ORDER BY {kind.totals[first][1]} DESC, 1 LIMIT {GROUPS}"""  # noqa: S608, constants only
    groups = _ask(session, kind, report_id, by_group)
    charts = [_draw(session, kind, report_id, chart) for chart in kind.charts]
    report = Report(
        id=report_id, kind=kind.name, slot=slot, run_id=run_id, options=dict(scope["options"]), rows=rows,
        period_start=datetime.fromisoformat(scope["start"]), period_end=datetime.fromisoformat(scope["end"]),
        totals=totals, body={"groups": groups, "charts": [chart for chart in charts if chart["points"]]},
    )  # fmt: skip
    session.add(report)
    session.flush()
    return report


def _draw(session: Session, kind: Kind, report_id: str, chart: Chart) -> dict[str, Any]:
    """The data of a chart: points [series, label, value]."""
    if chart.style == "bars":
        query = f"""SELECT NULL AS series, {chart.label} AS label, {chart.value} AS value FROM line
            WHERE {chart.where} GROUP BY 2 HAVING {chart.value} IS NOT NULL
            ORDER BY {chart.order} LIMIT {chart.limit}"""  # noqa: S608, constants only
    else:
        plotted = f"""SELECT {chart.series} AS series, {chart.label} AS label, {chart.value} AS value FROM line
            WHERE {chart.where} GROUP BY 1, 2"""  # noqa: S608, constants only
        query = f"""SELECT * FROM ({plotted}) AS point WHERE series IS NULL OR series IN (
                SELECT series FROM ({plotted}) AS point GROUP BY 1 ORDER BY sum(value) DESC, 1 LIMIT {LINES_SHOWN}
            ) ORDER BY series, label"""  # noqa: S608, constants only
    found = _ask(session, kind, report_id, query)
    points = [[row["series"], str(row["label"]), row["value"]] for row in found]
    return {"title": chart.title, "style": chart.style, "type": chart.type, "points": points}


def _ask(session: Session, kind: Kind, report_id: str, query: str) -> list[dict[str, Any]]:
    """The rows of a query over the report's lines, which are the table `line`."""
    cells = ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in kind.columns)
    lines = f"""WITH line AS (
        SELECT cell.* FROM reports.line CROSS JOIN jsonb_to_record(cells) AS cell ({cells})
        WHERE report_id = :report_id
    ) """  # noqa: S608, constants only
    asked = text(lines + query).bindparams(bindparam("report_id", type_=Id("rep")))
    rows = session.execute(asked, {"report_id": report_id}).mappings()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    """A value for JSON."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
