"""What differs between a payment at a provider and the shop's books. Pure: it decides, and reads nothing."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from models.operations.audit import ProviderPayment

_ORDER_ID = re.compile("ord_[0-9a-f]{32}")


@dataclass(frozen=True)
class OurPayment:
    """`has_lapsed`: it was voided because the provider has released the money, which staff know."""

    id: str
    order_id: str
    reference: str | None
    status: str
    amount: int
    currency: str
    captured: int
    refunded: int
    has_lapsed: bool

    @property
    def held(self) -> int:
        """What the customer has paid or is held, in minor units."""
        return self.amount if self.status == "authorised" else self.captured - self.refunded

    @property
    def has_held(self) -> bool:
        return self.held > 0 or self.captured > 0


@dataclass(frozen=True)
class OurOrder:
    """`payments`: all of them, oldest first. `is_moving`: a run is changing it or its payments, or has just done so."""

    id: str
    status: str
    total: int
    currency: str
    is_moving: bool
    payments: Sequence[OurPayment]

    @property
    def is_firm(self) -> bool:
        return self.status not in ("pending", "cancelled")


@dataclass(frozen=True)
class Mismatch:
    """A difference; see `models.payments.Difference`. Amounts come with their currency."""

    kind: str
    subject: str
    order_id: str | None = None
    payment_id: str | None = None
    reference: str | None = None
    ours: tuple[int, str] | None = None
    theirs: tuple[int, str] | None = None


def judge_theirs(made: ProviderPayment, order: OurOrder | None) -> Mismatch | None:
    """The difference of a payment that a provider has. `order`: the shop's, None if it has no such order."""
    if order is not None and order.is_moving:
        return None
    ours = next((p for p in order.payments if p.reference == made.reference), None) if order else None
    kind = _stray(made, order) if order is None or ours is None else _recorded(made, ours, order)
    if kind is None:
        return None
    mine, theirs = _amounts(kind, made, ours)
    return Mismatch(
        kind, made.reference, order.id if order else order_id_of(made), ours.id if ours else None, made.reference,
        (mine, ours.currency) if ours is not None and mine is not None else None, (theirs, made.currency),
    )  # fmt: skip


def order_id_of(made: ProviderPayment) -> str | None:
    """The order that a provider's payment names; None if that is not an id of the shop's."""
    return made.order_id if made.order_id and _ORDER_ID.fullmatch(made.order_id) else None


def _stray(made: ProviderPayment, order: OurOrder | None) -> str | None:
    """The shop has not recorded this payment."""
    if _held(made) == 0:
        return None
    if order is not None and order.is_firm:
        return "double_payment" if any(p.held for p in order.payments) else "paid_without_order"
    # A payment without one of our order ids may be that of another program which shares the account.
    is_ours = order_id_of(made) is not None
    is_over = order is None or order.status == "cancelled"
    return "forgotten_authorisation" if is_ours and is_over and made.state == "authorised" else "paid_without_order"


def _recorded(made: ProviderPayment, ours: OurPayment, order: OurOrder) -> str | None:
    if (made.amount, made.currency) != (ours.amount, ours.currency) and ours.has_held:
        return "amount_differs"
    if made.state == "authorised" and order.status == "cancelled":
        return "forgotten_authorisation"
    if ours.status == "authorised" and made.state != "authorised":
        return {"lapsed": "lapsed_authorisation", "captured": "amount_differs"}.get(made.state, "order_without_payment")
    if ours.captured != made.captured:
        return "amount_differs" if ours.captured or ours.held else "paid_without_order"
    if ours.refunded != made.refunded:
        return "refund_differs"
    return "paid_without_order" if made.state == "authorised" and not ours.held else None


def _held(made: ProviderPayment) -> int:
    """What a provider holds or has taken of a payment, in minor units."""
    return made.amount if made.state == "authorised" else made.captured - made.refunded


def _amounts(kind: str, made: ProviderPayment, ours: OurPayment | None) -> tuple[int | None, int]:
    """The two amounts that differ, ours and theirs."""
    if ours is None:
        return None, _held(made)
    if kind == "refund_differs":
        return ours.refunded, made.refunded
    if kind == "amount_differs" and (made.amount, made.currency) != (ours.amount, ours.currency):
        return ours.amount, made.amount
    if kind == "amount_differs":
        return ours.captured, made.captured
    return ours.held, _held(made)


def judge_ours(ours: OurPayment, order: OurOrder, known: Collection[str]) -> Mismatch | None:
    """The difference of a payment that the shop has. `known`: the references that its provider has."""
    if order.is_moving:
        return None
    found = partial(Mismatch, subject=ours.reference or ours.id, order_id=order.id, payment_id=ours.id)
    mine = (ours.held, ours.currency)
    if ours.has_held and (ours.reference is None or ours.reference not in known):
        return found("order_without_payment", reference=ours.reference, ours=mine)
    if ours == order.payments[0] and _is_unpaid(order):
        return found("order_without_payment", reference=ours.reference, ours=(order.total, order.currency))
    earlier = sum(payment.held for payment in order.payments if payment.id < ours.id)
    if ours.held and earlier and earlier + ours.held > order.total:
        return found("double_payment", reference=ours.reference, ours=mine)
    return None


def _is_unpaid(order: OurOrder) -> bool:
    """Whether a confirmed order has never been paid, and staff do not know that yet."""
    return order.is_firm and order.total > 0 and not any(p.has_held or p.has_lapsed for p in order.payments)
