"""Steps of the fulfilment service: parcels are shipped, and their delivery is awaited."""

from datetime import timedelta

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import fulfilment
from models.core.workflow_inputs import ParcelInput
from settings import settings

service = Service("fulfilment")
ACTOR = "fulfilment"
"""Who changes an order's status, in its history."""


@service.step
def ship(session: Session, run: Run[ParcelInput]) -> dict[str, str]:
    """Takes the goods of the parcel out of stock. The parcel has left."""
    parcel = fulfilment.ship(session, run.input["parcel_id"], ACTOR)
    return {"fulfilment_id": parcel.id, "order_id": parcel.order_id}


@service.step
def cancel(session: Session, run: Run[ParcelInput]) -> dict[str, str]:
    """Cancels a parcel that cannot be shipped. Its goods stay allocated to the order."""
    parcel = fulfilment.cancel(session, run.input["parcel_id"], ACTOR)
    return {"fulfilment_id": parcel.id}


@service.step
def await_delivery(session: Session, run: Run[ParcelInput]) -> dict[str, str] | Suspend:
    """Waits until the parcel is delivered, or counts it as lost after `SHOP_DELIVERY_DAYS`."""
    run.consume("delivered")  # the delivery is recorded in the parcel
    parcel = fulfilment.get_parcel(session, run.input["parcel_id"])
    if parcel.status in ("shipped", "in_transit"):
        assert parcel.shipped_at is not None
        deadline = parcel.shipped_at + timedelta(days=settings.delivery_days)
        if run.now() < deadline:
            return Suspend(deadline)
        parcel = fulfilment.lose(session, parcel.id)
    return {"status": parcel.status}


@service.step(anywhere=True)
def close(session: Session, run: Run[ParcelInput]) -> dict[str, str]:
    """Returns the result of the fulfilment."""
    return run.output(ship) or {}
