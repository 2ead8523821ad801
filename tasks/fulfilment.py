"""Steps of the fulfilment service: labels are bought, parcels are shipped, and their delivery is awaited."""

from datetime import timedelta
from typing import TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import fulfilment
from models.core.errors import CarrierRefused
from models.core.workflow_inputs import ParcelInput
from settings import settings
from tasks.gateways.carriers import carrier, labels

service = Service("fulfilment")
ACTOR = "fulfilment"
"""Who changes an order's status, in its history."""


def _record_label(session: Session, run: Run[ParcelInput], label: fulfilment.Label) -> fulfilment.Label:
    fulfilment.record_label(session, run.input["parcel_id"], label)
    return label


@service.external_step(call=labels.buy, record=_record_label)
def buy_label(session: Session, run: Run[ParcelInput]) -> fulfilment.LabelRequest | None:
    """Buys a label from the carrier, unless the parcel has a tracking number. Refused as the carrier refuses it."""
    return fulfilment.get_label_request(session, run.input["parcel_id"])


def _record_refund(session: Session, run: Run[ParcelInput], refund: labels.Refund) -> dict[str, str]:
    fulfilment.record_label_refund(session, run.input["parcel_id"], refund["label"], refund["state"])
    return {"state": refund["state"]}


@service.external_step(call=labels.give_back, record=_record_refund)
def refund_label(session: Session, run: Run[ParcelInput]) -> labels.RefundRequest | None:
    """Undoes `buy_label`, also one of which nobody knows whether it has happened."""
    parcel, asked = fulfilment.get_parcel(session, run.input["parcel_id"]), run.request(buy_label)
    if parcel.label is not None and parcel.gateway is not None:
        return {"gateway": parcel.gateway, "label": parcel.label, "asked": None}
    return None if asked is None else {"gateway": asked["gateway"], "label": None, "asked": asked}


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
    """Waits until the parcel is delivered or returned, at most `SHOP_DELIVERY_DAYS`."""
    run.consume("delivered")  # the delivery is recorded in the parcel
    parcel = fulfilment.follow(session, run.input["parcel_id"], ACTOR)  # the carrier may have been faster than `ship`
    if parcel.status in ("shipped", "in_transit"):
        assert parcel.shipped_at is not None
        deadline = parcel.shipped_at + timedelta(days=settings.delivery_days)
        if run.now() < deadline:
            return Suspend(deadline)
    return {"status": parcel.status}


class TrackRequest(TypedDict):
    gateway: str
    tracking_number: str
    carrier: str


def _track(request: TrackRequest, idempotency_key: str) -> fulfilment.Update | None:
    try:
        update = carrier(request["gateway"]).track(request["tracking_number"], request["carrier"])
    except CarrierRefused:
        return None  # the carrier knows nothing of it
    return labels.as_update(update, idempotency_key)


def _record_track(session: Session, run: Run[ParcelInput], update: fulfilment.Update | None) -> None:
    if update is not None:
        fulfilment.record_update(session, update)
        fulfilment.follow(session, run.input["parcel_id"], ACTOR)


@service.external_step(call=_track, record=_record_track)
def ask_carrier(session: Session, run: Run[ParcelInput]) -> TrackRequest | None:
    """Asks where a parcel with a label is that was not delivered in time: a webhook may have been missed."""
    parcel = fulfilment.get_parcel(session, run.input["parcel_id"])
    if parcel.status not in ("shipped", "in_transit") or parcel.label is None:
        return None
    return {
        "gateway": parcel.gateway or "", "tracking_number": parcel.tracking_number or "",
        "carrier": parcel.carrier or "",
    }  # fmt: skip


@service.step
def conclude(session: Session, run: Run[ParcelInput]) -> dict[str, str]:
    """Counts a parcel that was not delivered in time as lost."""
    return {"status": fulfilment.lose(session, run.input["parcel_id"]).status}


@service.step(anywhere=True, replayable=True)
def close(session: Session, run: Run[ParcelInput]) -> dict[str, str]:
    """Returns the result of the fulfilment."""
    return run.output(ship) or {}
