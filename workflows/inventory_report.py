"""Reports: written slice by slice, one for each slot, and mailed to subscribers. Daily sales are folded hourly.

Live runs of version 1 start again with version 2, whose first step has another name.
"""

from durable import Each, Outputs, Workflow
from models.core.workflow_inputs import ReportInput, ReportMailInput, SlotInput
from tasks import notifications, reports


def _slices(outputs: Outputs) -> list[str]:
    begun = outputs[reports.slice_report.name] or {}
    return [str(number) for number in range(len(begun["slices"]))]


INVENTORY_REPORT = Workflow(
    "inventory_report",
    reports.slice_report,
    Each(reports.part, over=_slices),
    reports.write,
    reports.mail_subscribers,
    input=ReportInput,
    version=2,
)
REPORT_SUBSCRIPTIONS = Workflow("report_subscriptions", reports.start_due, input=SlotInput)
REPORT_MAIL = Workflow("report_mail", notifications.report_ready, input=ReportMailInput)
SALES_FOLD = Workflow("sales_fold", reports.fold_sales, input=SlotInput)
