"""The outside reservation: goods are held for an order of another system until it ships or releases them."""

from durable import Pivot, Workflow
from models.core.workflow_inputs import OutsideReservationInput
from tasks import inventory

OUTSIDE_RESERVATION = Workflow(
    "outside_reservation",
    Pivot(inventory.hold_outside),
    if_refused=(inventory.release_outside,),
    input=OutsideReservationInput,
    signals={"ended": None},
)
