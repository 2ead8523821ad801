"""The stock count: it waits for its approval for days; then its differences are booked, in batches side by side."""

from durable import Each, Outputs, Pivot, Workflow
from models.core.workflow_inputs import StockCountInput
from tasks import inventory, notifications


def _batches(outputs: Outputs) -> list[str]:
    return [str(number) for number in range(len(outputs[inventory.slice_count.name]["batches"]))]


STOCK_COUNT = Workflow(
    "stock_count",
    Pivot(inventory.await_approval),
    inventory.slice_count,
    Each(inventory.book_count, over=_batches),
    inventory.close_count,
    notifications.count_short,
    inventory.report_count,
    if_refused=(inventory.close_unapproved_count, notifications.count_expired),
    input=StockCountInput,
    signals={"decided": None},
)
