"""The transfer: goods leave one warehouse, are in transit for days, and are received in another."""

from durable import Pivot, Undoable, Workflow
from models.core.workflow_inputs import ActorSignal, TransferInput
from tasks import inventory, notifications

TRANSFER = Workflow(
    "transfer",
    Undoable(inventory.send_transfer, undo=inventory.take_back_transfer),
    Pivot(inventory.receive_transfer),
    notifications.transfer_incomplete,
    inventory.close_transfer,
    if_refused=(inventory.close_refused_transfer, notifications.transfer_cancelled),
    input=TransferInput,
    signals={"received": ActorSignal, "cancelled": ActorSignal},
)
