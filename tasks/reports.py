"""Steps of the reports service: a report is written a warehouse at a time, and joined."""

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
"""What a report is about: its period (RFC 3339) and its warehouses."""


@service.step
def begin(session: Session, run: Run[ReportInput]) -> Scope:
    """Decides what the report is about: its period, and the warehouses that there are now.

    The report of a day's slot, `2026-11-22`, is about the day before it.
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
def part(session: Session, run: Run[ReportInput], warehouse_id: str) -> dict[str, list[reports.Moved]]:
    """Writes down the levels of one warehouse, what moved there, and what is low."""
    report_id, start, end = _about(session, run)
    return {"movements": reports.write_part(session, report_id, warehouse_id, start, end)}


@service.step
def write(session: Session, run: Run[ReportInput]) -> dict[str, object]:
    """Joins the parts into the report of the run's slot."""
    report_id, start, end = _about(session, run)
    movements = {item: output["movements"] for item, output in run.outputs(part).items()}
    report = reports.write(session, report_id, run.key, run.id, start, end, movements)
    return {"report_id": report.id, "slot": report.slot, "totals": report.totals}


def _about(session: Session, run: Run[ReportInput]) -> tuple[str, datetime, datetime]:
    begun = run.output(begin)
    assert begun is not None
    return begun["report_id"], datetime.fromisoformat(begun["from"]), datetime.fromisoformat(begun["to"])
