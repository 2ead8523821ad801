"""One label for one reference: bought and refunded, however often it is asked for."""

from datetime import UTC, datetime
from typing import TypedDict

from models.core.errors import CarrierRefused
from models.fulfilment import Label, LabelRequest, ReportedEvent, Update
from tasks.gateways.carriers import carrier
from tasks.gateways.carriers.carrier import Address, Carrier, Parcel, Rate, Shipment, TrackerUpdate


def buy(request: LabelRequest, idempotency_key: str) -> Label:
    """The one label of the request's reference: at the cheapest of the rates that were asked for.

    Carriers know no idempotency keys, so a label of an earlier attempt is looked for. Raises CarrierRefused.
    """
    gateway = carrier(request["gateway"])
    shipment = _open(gateway, request)
    label = shipment.label or gateway.buy(shipment.shipment_reference, _choose(shipment.rates, request))
    return {
        "reference": label.shipment_reference, "tracking_number": label.tracking_number,
        "tracking_url": label.tracking_url, "carrier": label.carrier, "service": label.service, "cost": label.amount,
        "currency": label.currency,
    }  # fmt: skip


class RefundRequest(TypedDict):
    """`label`: its reference; None if it is not known whether `asked` has led to one."""

    gateway: str
    label: str | None
    asked: LabelRequest | None


class Refund(TypedDict):
    """`label`: one that was not known before; `state` as in RefundState."""

    label: Label | None
    state: str


def give_back(request: RefundRequest, idempotency_key: str) -> Refund:
    """Asks for the refund of a label. One of which nobody knows whether it was bought is bought again.

    That settles it: a late first attempt can only find the label that is refunded here.
    """
    reference, label = request["label"], None
    if reference is None:
        assert request["asked"] is not None
        try:
            label = buy(request["asked"], idempotency_key)
        except CarrierRefused:
            return {"label": None, "state": "not_applicable"}
        reference = label["reference"]
    return {"label": label, "state": carrier(request["gateway"]).refund(reference)}


def list_rates(request: LabelRequest) -> list[Rate]:
    """The rates for a parcel, cheapest first. Raises CarrierRefused."""
    _, rates = carrier(request["gateway"]).open_shipment(_parcel(request), request["reference"])
    return sorted(rates, key=lambda rate: rate.amount)


def as_update(update: TrackerUpdate, update_id: str) -> Update:
    """The update as it is stored."""
    events: list[ReportedEvent] = [
        {
            "status": event.status,
            "description": event.message,
            "place": event.place,
            "at": event.occurred_at.isoformat(),
        }
        for event in update.events
    ]
    return {
        "id": update_id, "tracking_number": update.tracking_number, "status": update.status,
        "changed_at": update.changed_at.isoformat(), "events": events,
    }  # fmt: skip


def _open(gateway: Carrier, request: LabelRequest) -> Shipment:
    """The shipment that every attempt buys."""
    reference, since = request["reference"], datetime.fromisoformat(request["since"])
    known = gateway.find_shipments(reference, since)
    if not known:
        opened, rates = gateway.open_shipment(_parcel(request), reference)
        # Two attempts may have found nothing, and opened one each. Both look again, and take the oldest.
        ours = Shipment(opened, datetime.now(UTC), tuple(rates), None)
        known = gateway.find_shipments(reference, since) or [ours]
    return next((shipment for shipment in known if shipment.label), known[-1])


def _choose(rates: tuple[Rate, ...], request: LabelRequest) -> tuple[str, str]:
    """Carrier and service of the cheapest rate that was asked for. Raises CarrierRefused `no_rates`."""
    wanted = request["carrier"], request["service"]
    fitting = [
        rate
        for rate in rates
        if all(asked is None or asked == has for asked, has in zip(wanted, (rate.carrier, rate.service), strict=True))
    ]
    if not fitting:
        offered = ", ".join(f"{rate.carrier} {rate.service}" for rate in rates) or "nothing"
        asked_for = " ".join(filter(None, wanted))
        raise CarrierRefused("no_rates", f"No carrier offers {asked_for} for this parcel, but {offered}.")
    cheapest = min(fitting, key=lambda rate: rate.amount)
    return cheapest.carrier, cheapest.service


def _parcel(request: LabelRequest) -> Parcel:
    sender, recipient = Address(**request["sender"]), Address(**request["recipient"])
    return Parcel(sender, recipient, request["weight"], is_return=request["is_return"])
