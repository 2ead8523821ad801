"""Inventory reports: stock levels, movements in a period, and low stock."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from sqlalchemy import DateTime, Select, bindparam, func, literal, select, text, tuple_
from sqlalchemy.orm import Session

from durable.ids import Id
from models import inventory
from models.core.errors import NotFound
from models.reports.tables import Line as Line
from models.reports.tables import Report as Report

LOW_SHOWN = 100
"""Maximum low products per warehouse in a report's summary; its lines contain all."""
REASONS_SHOWN = 20
FIGURES = ("on_hand", "reserved", "available", "came", "went", "low")


class MovementSummary(TypedDict):
    """Movements of a warehouse for one reason: their number, and the units added and removed."""

    reason: str
    movements: int
    came: int
    went: int


class WarehousePart(TypedDict):
    """A warehouse in a report: FIGURES in total and by product kind, movements, and the lowest levels."""

    id: str
    name: str
    status: str
    totals: dict[str, int]
    kinds: dict[str, dict[str, int]]
    movements: list[MovementSummary]
    low: list[dict[str, object]]


_PERIOD = (
    bindparam("report_id", type_=Id("rep")),
    bindparam("warehouse_id", type_=Id("wh")),
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
)

_WRITE_LINES = text("""
    WITH moved AS (
        SELECT product_id, coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0) AS came,
            coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0) AS went
        FROM inventory.movement
        WHERE warehouse_id = :warehouse_id AND created_at >= :start AND created_at < :end
        GROUP BY product_id
    )
    INSERT INTO reports.line (report_id, warehouse_id, product_id, sku, title, kind, on_hand, reserved, came, went,
        reorder_point, low)
    SELECT :report_id, :warehouse_id, product_id, sku, title, kind, on_hand, reserved, coalesce(came, 0),
        coalesce(went, 0), reorder_point, low_since IS NOT NULL
    FROM inventory.stock LEFT JOIN moved USING (product_id) JOIN catalogue.product ON product.id = product_id
    WHERE warehouse_id = :warehouse_id AND (on_hand > 0 OR came IS NOT NULL OR low_since IS NOT NULL)
""").bindparams(*_PERIOD)

_REASONS = text("""
    SELECT reason, count(*) AS movements, coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0)::bigint AS came,
        coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0)::bigint AS went
    FROM inventory.movement
    WHERE warehouse_id = :warehouse_id AND created_at >= :start AND created_at < :end
    GROUP BY reason ORDER BY sum(abs(quantity)) DESC, reason LIMIT :shown
""").bindparams(*_PERIOD[1:])

_SUMS = text("""
    SELECT warehouse_id, kind, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved,
        sum(on_hand - reserved)::bigint AS available, sum(came)::bigint AS came, sum(went)::bigint AS went,
        count(*) FILTER (WHERE low) AS low
    FROM reports.line WHERE report_id = :report_id GROUP BY warehouse_id, kind ORDER BY warehouse_id, kind
""").bindparams(_PERIOD[0])


def write_part(
    session: Session, report_id: str, warehouse_id: str, start: datetime, end: datetime
) -> list[MovementSummary]:
    """Writes the lines of one warehouse: current levels, and movements from `start` (inclusive) to `end` (exclusive).

    Omits products without stock, movements and low level. Returns the movements by reason, largest first. A second
    call raises IntegrityError.
    """
    period = {"warehouse_id": warehouse_id, "start": start, "end": end}
    session.execute(_WRITE_LINES, {"report_id": report_id, **period})
    reasons = session.execute(_REASONS, {**period, "shown": REASONS_SHOWN})
    return [
        MovementSummary(reason=row.reason, movements=row.movements, came=row.came, went=row.went) for row in reasons
    ]


def write(
    session: Session, report_id: str, slot: str, run_id: str, start: datetime, end: datetime,
    movements: Mapping[str, list[MovementSummary]],
) -> Report:  # fmt: skip
    """Adds up the parts and publishes the report.

    `movements`: warehouse id → result of `write_part`. Raises IntegrityError if the slot already has a report.
    """
    parts: dict[str, WarehousePart] = {
        warehouse.id: {
            "id": warehouse.id, "name": warehouse.name, "status": warehouse.status,
            "totals": _zero_figures(), "kinds": {}, "movements": movements[warehouse.id], "low": [],
        }
        for warehouse in session.scalars(inventory.select_warehouses().where(inventory.Warehouse.id.in_(movements)))
    }  # fmt: skip
    totals = _zero_figures()
    for row in session.execute(_SUMS.columns(warehouse_id=Id("wh")), {"report_id": report_id}).mappings():
        figures = {name: row[name] for name in FIGURES}
        parts[row["warehouse_id"]]["kinds"][row["kind"]] = figures
        for sums in (parts[row["warehouse_id"]]["totals"], totals):
            sums.update({name: sums[name] + figures[name] for name in FIGURES})
    for line in session.scalars(_most_urgent(report_id)):
        parts[line.warehouse_id]["low"].append(_as_data(line))
    body = {"warehouses": sorted(parts.values(), key=lambda part: part["name"])}
    report = Report(
        id=report_id, slot=slot, run_id=run_id, period_start=start, period_end=end, totals=totals, body=body
    )
    session.add(report)
    session.flush()
    return report


def _zero_figures() -> dict[str, int]:
    return dict.fromkeys(FIGURES, 0)


def _most_urgent(report_id: str) -> Select[Line]:
    """The low lines of a report; in each warehouse, those furthest below their reorder point first."""
    below = Line.on_hand - Line.reserved - Line.reorder_point
    place = func.row_number().over(partition_by=Line.warehouse_id, order_by=(below, Line.sku)).label("place")
    ranked = select(Line.warehouse_id, Line.product_id, place).where(Line.report_id == report_id, Line.low).subquery()
    query = select(Line).join(
        ranked, (ranked.c.warehouse_id == Line.warehouse_id) & (ranked.c.product_id == Line.product_id)
    )
    query = query.where(Line.report_id == report_id, ranked.c.place <= LOW_SHOWN)
    return query.order_by(Line.warehouse_id, ranked.c.place)


def _as_data(line: Line) -> dict[str, object]:
    names = ("product_id", "sku", "title", "on_hand", "reserved", "available", "reorder_point")
    return {name: getattr(line, name) for name in names}


def get(session: Session, report_id: str) -> Report:
    """Returns a report. Raises NotFound, also while it is being written."""
    report = session.get(Report, report_id)
    if report is None:
        raise NotFound("No such report.")
    return report


def select_reports() -> Select[Report]:
    """The query for all reports. The caller orders it."""
    return select(Report)


def lines_after(session: Session, report_id: str, last: Line | None, limit: int) -> list[Line]:
    """The next lines of a report after `last`, by warehouse; None starts at the beginning."""
    query = select(Line).where(Line.report_id == report_id)
    if last is not None:
        place = literal(last.warehouse_id, Id("wh")), literal(last.product_id, Id("prd"))
        query = query.where(tuple_(Line.warehouse_id, Line.product_id) > tuple_(*place))
    return list(session.scalars(query.order_by(Line.warehouse_id, Line.product_id).limit(limit)))
