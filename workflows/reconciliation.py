"""The reconciliation: the payments of a period are compared slice by slice, and forgotten authorisations voided.

A run has at most 100 slices; a larger shop's period is continued by a child run, of which the first run waits for the
end.
"""

from durable import Each, Outputs, Workflow
from models.core.workflow_inputs import ReconciliationInput
from tasks import notifications, reconciliation


def _slices(outputs: Outputs) -> list[str]:
    return [str(number) for number in range(len(outputs[reconciliation.slice_period.name]["slices"]))]


def _references(outputs: Outputs) -> list[str]:
    references: list[str] = outputs[reconciliation.choose_repairs.name]["references"]
    return references


RECONCILIATION = Workflow(
    "reconciliation",
    reconciliation.slice_period,
    Each(reconciliation.compare, over=_slices),
    reconciliation.choose_repairs,
    Each(reconciliation.repair, over=_references),
    reconciliation.reconcile,
    notifications.reconciliation_differs,
    reconciliation.report_reconciliation,
    input=ReconciliationInput,
)
