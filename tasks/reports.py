"""Steps of the reports service: writing a report per warehouse, and joining the parts."""

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from durable import Run, Service
from durable.ids import new_id
from models import inventory, reports
from models.core.workflow_inputs import ReportInput

service = Service("reports")


Scope = TypedDict("Scope", {"report_id": str, "from": str, "to": str, "warehouses": list[str]})
"""The scope of a report: its period (RFC 3339) and warehouses."""


@service.step
def begin(session: Session, run: Run[ReportInput]) -> Scope:
    """Determines the scope of the report: its period and the current warehouses.

    The report of a daily slot, `2026-11-22`, covers the previous day.
    """
    if "from" in run.input:
        start, end = run.input["from"], run.input["to"]
    else:
        day = datetime.fromisoformat(run.input["slot"]).replace(tzinfo=UTC)
        start, end = (day - timedelta(days=1)).isoformat(), day.isoformat()
    return {
        "report_id": run.input.get("report_id") or new_id("rep"), "from": start, "to": end,
        "warehouses": list(session.scalars(select(inventory.Warehouse.id).order_by(inventory.Warehouse.id))),
    }  # fmt: skip


@service.step_for_each
def part(session: Session, run: Run[ReportInput], warehouse_id: str) -> dict[str, list[reports.MovementSummary]]:
    """Writes the part of one warehouse: levels, movements and low stock."""
    report_id, start, end = _scope(session, run)
    return {"movements": reports.write_part(session, report_id, warehouse_id, start, end)}


@service.step
def write(session: Session, run: Run[ReportInput]) -> dict[str, object]:
    """Joins the parts into the report."""
    report_id, start, end = _scope(session, run)
    movements = {item: output["movements"] for item, output in run.outputs(part).items()}
    report = reports.write(session, report_id, run.key, run.id, start, end, movements)
    return {"report_id": report.id, "slot": report.slot, "totals": report.totals}


def _scope(session: Session, run: Run[ReportInput]) -> tuple[str, datetime, datetime]:
    begun = run.output(begin)
    assert begun is not None
    return begun["report_id"], datetime.fromisoformat(begun["from"]), datetime.fromisoformat(begun["to"])
