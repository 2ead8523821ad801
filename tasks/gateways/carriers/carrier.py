"""What the shop asks of a carrier, in words that no carrier owns.

Amounts are integers of minor units, weights are grams. Whatever calls a carrier raises CarrierDown when it is not known
whether the call was done. Such a call may be repeated, except for `open_shipment`: it would open a second shipment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Status = Literal[
    "unknown", "pre_transit", "in_transit", "out_for_delivery", "available_for_pickup", "delivered",
    "return_to_sender", "failure", "cancelled",
]  # fmt: skip
"""Where a parcel is:

- unknown: the carrier has said nothing of it, pre_transit: it knows of the label but does not have the parcel.
- in_transit, out_for_delivery, available_for_pickup: it is on its way.
- delivered: the recipient has it. return_to_sender: it goes back, or is back. cancelled: it won't be carried.
- failure: it could not be delivered; another attempt may follow.
"""
RefundState = Literal["submitted", "refunded", "rejected", "not_applicable"]
"""What becomes of a label's refund. not_applicable: there is no label."""


@dataclass(frozen=True)
class Address:
    """`country`: ISO 3166-1 alpha-2, such as GB. `region`: a state or province, where addresses have one."""

    name: str
    line1: str
    city: str
    country: str
    line2: str | None = None
    postal_code: str | None = None
    region: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class Parcel:
    """What is to be carried. `weight` in grams; `size`: length, width and height in millimetres, None if not known.

    `is_return`: the label is for the way back, from the recipient to the sender.
    """

    sender: Address
    recipient: Address
    weight: int
    size: tuple[int, int, int] | None = None
    is_return: bool = False


@dataclass(frozen=True)
class Rate:
    """A service of a carrier and its price, `amount` in minor units. `delivery_days`: None if not known."""

    carrier: str
    service: str
    amount: int
    currency: str
    delivery_days: int | None


@dataclass(frozen=True)
class Label:
    """A label that is bought, for `amount` in minor units. `tracking_url`: a page for the customer."""

    shipment_reference: str
    tracking_number: str
    carrier: str
    service: str
    amount: int
    currency: str
    tracking_url: str | None


@dataclass(frozen=True)
class Shipment:
    """A shipment as the carrier has it. `label` is None until it is bought."""

    shipment_reference: str
    created_at: datetime
    rates: tuple[Rate, ...]
    label: Label | None


@dataclass(frozen=True)
class TrackerEvent:
    """What has happened to a parcel. `message` is for people; `place` may be missing."""

    status: Status
    message: str
    occurred_at: datetime
    place: str | None


@dataclass(frozen=True)
class TrackerUpdate:
    """Where a parcel is, and what has happened to it, oldest first.

    `id`: that of the webhook's event, the same in every delivery of it; None for an answer of `track`.
    `shipment_reference`: None for a parcel whose label was bought elsewhere. `changed_at`: by the carrier's clock.
    """

    id: str | None
    tracking_number: str
    carrier: str
    shipment_reference: str | None
    status: Status
    changed_at: datetime
    events: tuple[TrackerEvent, ...]

    @property
    def version(self) -> tuple[datetime, int]:
        """Updates come in any order; of two about one parcel, the one with the greater version is newer."""
        return self.changed_at, len(self.events)


class Carrier(Protocol):
    """A carrier, or a service that has many. Beyond what is said of each call, all but `verify_webhook` raise
    CarrierDown. A call may be made by several threads at once."""

    def open_shipment(self, parcel: Parcel, reference: str) -> tuple[str, list[Rate]]:
        """Opens a shipment that carries our `reference`: its own reference, and the rates at which it can be bought.

        Costs nothing. A repeated call opens a second shipment; to repeat one whose answer was lost, look for it with
        `find_shipments`. Raises CarrierRefused for an address that is not accepted, and if no carrier takes the parcel.
        """

    def find_shipments(self, reference: str, since: datetime | None = None) -> list[Shipment]:
        """Every shipment that carries our `reference`, newest first. `since`: a time before the first was opened;
        without it, all shipments that there have ever been are looked through."""

    def buy(self, shipment_reference: str, rate: tuple[str, str] | None = None) -> Label:
        """Buys the label at the rate of this (carrier, service), at the cheapest rate if that is None.

        A shipment is bought once, however often it is asked: bought already, the label is the answer, whatever its
        rate. Raises CarrierRefused if the shipment has no such rate, or the carrier won't sell it.
        """

    def label_pdf(self, shipment_reference: str) -> bytes:
        """The label as a PDF, as it is to be printed. Raises Conflict if the shipment is not bought."""

    def refund(self, shipment_reference: str) -> RefundState:
        """Asks for the price of an unused label back, and says what became of it. Asked for already is no error.

        submitted: the carrier decides later, asking again tells. rejected: the parcel is under way.
        """

    def track(self, tracking_number: str, carrier: str) -> TrackerUpdate:
        """Where the parcel is now, also if its label was bought elsewhere. Later changes come as webhooks.

        Raises CarrierRefused for a number that can't be one.
        """

    def verify_webhook(self, payload: bytes, headers: Mapping[str, str]) -> TrackerUpdate | None:
        """What the carrier has posted about a parcel: `payload` is the body as it came. None: it is about something
        else.

        Raises BadSignature unless the carrier has signed it, and BadRequest for what can't be read. An update may come
        more than once and after a newer one: see `TrackerUpdate.version`.
        """
