"""Reports: starting one that somebody asks for."""

from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict

from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models import catalogue, inventory, reports

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class RequestedReport(TypedDict):
    """What is asked for; a loaded StockReport or TrendReport of the API."""

    start: NotRequired[datetime]
    end: NotRequired[datetime]
    warehouse_id: NotRequired[str]
    interval: NotRequired[str]
    product_id: NotRequired[str]
    category_id: NotRequired[str]


def request_report(session: Session, kind: str, body: RequestedReport, owner: str | None) -> str:
    """Starts the report and returns its run. Raises NotFound for a warehouse, product or category that does not
    exist."""
    if "warehouse_id" in body:
        inventory.get_warehouse(session, body["warehouse_id"])
    if "product_id" in body and session.get(catalogue.Product, body["product_id"]) is None:
        catalogue.get_product(session, body["product_id"])  # raises NotFound; deleted products have sales as well
    if "category_id" in body:
        catalogue.get_category(session, body["category_id"])
    start, end = _period_of(reports.KINDS[kind], body)
    report_id = new_id("rep")
    wanted = {
        "report_id": report_id, "kind": kind, "from": start.isoformat(), "to": end.isoformat(),
        "options": {name: value for name, value in body.items() if name in reports.KINDS[kind].options},
    }  # fmt: skip
    return durable.start(session, "inventory_report", key=f"request:{report_id}", input=wanted, owner=owner)


def _period_of(kind: reports.Kind, body: RequestedReport) -> tuple[datetime, datetime]:
    """Start and end of the requested period in UTC, with defaults. Daily sales of today are complete tomorrow."""
    now = datetime.now(UTC)
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    end = body.get("end") or (tomorrow if kind.slicing == "once" else now)
    return (body.get("start") or end - kind.period).astimezone(UTC), end.astimezone(UTC)
