"""The report on the inventory: one part for each warehouse, joined into one report per slot."""

from tasks import reports
from workflows.engine import Each, Outputs, Pivot, Workflow


def _warehouses(outputs: Outputs) -> list[str]:
    begun = outputs[reports.begin.name] or {}
    return list(begun["warehouses"])


INVENTORY_REPORT = Workflow(
    "inventory_report",
    Pivot(reports.begin),
    Each(reports.part, over=_warehouses),
    reports.write,
)
