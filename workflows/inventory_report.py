"""The inventory report: one part per warehouse, joined into one report per slot."""

from durable import Each, Outputs, Workflow
from models.core.workflow_inputs import ReportInput
from tasks import reports


def _warehouses(outputs: Outputs) -> list[str]:
    begun = outputs[reports.begin.name] or {}
    return list(begun["warehouses"])


INVENTORY_REPORT = Workflow(
    "inventory_report",
    reports.begin,
    Each(reports.part, over=_warehouses),
    reports.write,
    input=ReportInput,
)
