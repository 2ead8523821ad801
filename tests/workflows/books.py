"""A model of the shop: what its orders, payments, parcels, returns and stock must be after each request.

A method that stands for a request returns the code with which the shop must refuse it, and otherwise None and changes
the model as the request must change the shop. Amounts are in minor units.
"""

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.workflows.stock_books import Level

FOLLOWING = {
    "confirmed": ("processing", "cancelled"), "processing": ("shipped", "cancelled"),
    "shipped": ("delivered", "returned"), "delivered": ("returned",), "cancelled": (), "returned": (),
}  # fmt: skip
"""Status of an order → statuses that staff can give it."""
Condition = Literal["resellable", "damaged"]
Shown = tuple[tuple[str, str, int, int], list[str], list[tuple[str, int | None]]]
"""Statuses of an order and its payment, captured and refunded amounts; statuses of parcels; and of returns, with their
refunds."""


@dataclass
class Parcel:
    """`is_old`: it was delivered longer ago than the return period."""

    lines: Mapping[str, int]
    status: str = "shipped"
    id: str = ""
    is_old: bool = False


@dataclass
class Return:
    """`announced` and `received`: product → units."""

    announced: Mapping[str, int]
    status: str = "requested"
    id: str = ""
    received: Counter[str] = field(default_factory=Counter)
    refund: int | None = None

    @property
    def claimed(self) -> Mapping[str, int]:
        """Product → units that no other return can be about."""
        if self.refund is not None:
            return self.received
        return {} if self.status in ("refused", "closed") else self.announced


@dataclass
class Order:
    """An order with its payment. `lapsed`: the provider has released the money by itself.

    `number`: in the order in which orders are placed. `cancelled`: product → units; `waived`: what they were worth if
    they were cancelled before the capture.
    """

    lines: Mapping[str, int]
    prices: Mapping[str, int]
    stock: dict[str, Level] = field(repr=False)
    status: str = "confirmed"
    payment: str = "authorised"
    id: str = ""
    payment_id: str = ""
    number: int = field(default_factory=itertools.count().__next__)
    captured: int = 0
    refunded: int = 0
    lapsed: bool = False
    cancelled: Counter[str] = field(default_factory=Counter)
    waived: int = 0
    parcels: list[Parcel] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)

    @property
    def shown(self) -> Shown:
        return (
            (self.status, self.payment, self.captured, self.refunded),
            [parcel.status for parcel in self.parcels],
            [(made.status, made.refund) for made in self.returns],
        )

    @property
    def total(self) -> int:
        return sum(units * self.prices[product] for product, units in self.lines.items())

    @property
    def is_waiting(self) -> bool:
        """Whether goods of the order have not come yet."""
        return any(self.number in level.waiting for level in self.stock.values())

    @property
    def kept(self) -> Counter[str]:
        """Product → units that are not cancelled."""
        return Counter(self.lines) - self.cancelled

    def place(self, *, declined: bool) -> str | None:
        short = any(self.stock[product].for_sale < units for product, units in self.lines.items())
        if short or declined:
            self.status, self.payment = "cancelled", "pending" if short else "failed"
            return "insufficient_stock" if short else "payment_declined"
        for product, units in self.lines.items():
            self.stock[product].reserve(self.number, units)
        return None

    def await_customer(self) -> None:
        self.place(declined=False)
        self.status, self.payment = "pending", "action_required"

    def decide_payment(self, decision: str) -> None:
        """The customer confirms the payment, fails to, or gives up the order."""
        if decision == "confirm":
            self.status, self.payment = "confirmed", "authorised"
            return
        self.status, self.payment = "cancelled", "failed" if decision == "fail" else "voided"
        for product, units in self.lines.items():
            self.stock[product].release(self.number, units)

    def capture(self, amount: int | None) -> str | None:
        if self.status in ("cancelled", "returned") or self.payment != "authorised":
            return "wrong_state"
        if (amount or 0) > self.total - self.waived:
            return "amount_too_large"
        if self.lapsed:
            return "payment_refused"
        self._capture(self.total - self.waived if amount is None else amount)
        return None

    def _capture(self, amount: int) -> None:
        self.captured = amount
        self.payment = "captured" if amount == self.total - self.waived else "partially_captured"

    def refund(self, amount: int | None) -> str | None:
        left = self.captured - self.refunded
        if self.captured == 0:
            return "wrong_state"
        if left == 0 or (amount or 0) > left:
            return "amount_too_large"
        self._refund(left if amount is None else amount)
        return None

    def _refund(self, amount: int) -> None:
        self.refunded += amount
        if amount:
            self.payment = "refunded" if self.refunded == self.captured else "partially_refunded"

    def cancel(self, *, by_staff: bool, lines: Mapping[str, int] | None = None) -> str | None:
        if "cancelled" not in FOLLOWING[self.status] or (self.status == "processing" and not by_staff):
            return "wrong_state"
        if self.parcels or lines not in (None, self.kept):
            return self._cancel_pieces(lines)
        self.status = "cancelled"
        for product, units in self.kept.items():
            self.stock[product].release(self.number, units)
        if self.payment == "authorised":
            self.payment = "voided"
        self._refund(self.captured - self.refunded)
        return None

    def _cancel_pieces(self, lines: Mapping[str, int] | None) -> str | None:
        if lines is None and not self.unpacked:
            return "has_parcels"
        gone = self.unpacked if lines is None else Counter(lines)
        if not gone <= self.unpacked:
            return "nothing_to_cancel"
        self.cancelled += gone
        worth = sum(units * self.prices[product] for product, units in gone.items())
        for product, units in gone.items():
            self.stock[product].reserved -= units
        if self.payment == "authorised":
            self.waived += worth
        else:
            self._refund(min(worth, self.captured - self.refunded))
        if self.parcels and not self.unpacked:
            self.status = "delivered" if all(each.status == "delivered" for each in self.parcels) else "shipped"
        return None

    def edit(self, status: str) -> str | None:
        if status == self.status:
            return None
        if status not in FOLLOWING[self.status] or status == "returned":
            return "wrong_state"
        if status == "cancelled":
            return "has_parcels" if self.parcels else self.cancel(by_staff=True)
        if status == "shipped":
            return self.ship(Parcel(self.unpacked))
        for parcel in self.parcels if status == "delivered" else ():
            parcel.status = "delivered"
        self.status = status
        return None

    @property
    def unpacked(self) -> Counter[str]:
        """Product → units in no parcel."""
        return self.kept - sum((Counter(parcel.lines) for parcel in self.parcels), Counter())

    def ship(self, parcel: Parcel) -> str | None:
        if self.status not in ("confirmed", "processing"):
            return "wrong_state"
        if not parcel.lines or not Counter(parcel.lines) <= self.unpacked:
            return "nothing_to_ship"
        if self.captured == 0 and self.lapsed:
            self.status = "confirmed"
            return "payment_refused"
        if self.captured == 0:
            self._capture(self.total - self.waived)
        self.parcels.append(parcel)
        for product, units in parcel.lines.items():
            self.stock[product].on_hand -= units
            self.stock[product].reserved -= units
        self.status = "processing" if self.unpacked else "shipped"
        return None

    def deliver(self, parcel: Parcel) -> None:
        if parcel.status == "delivered":
            return
        parcel.status = "delivered"
        if self.status == "shipped" and all(each.status == "delivered" for each in self.parcels):
            self.status = "delivered"

    def returnable(self, besides: Return | None = None) -> Counter[str]:
        delivered = [Counter(parcel.lines) for parcel in self.parcels if parcel.status == "delivered"]
        claimed = [Counter(made.claimed) for made in self.returns if made is not besides]
        return sum(delivered, Counter()) - sum(claimed, Counter())

    def request_return(self, made: Return, *, by_staff: bool) -> str | None:
        if not Counter(made.announced) <= self.returnable():
            return "nothing_to_return"
        if all(parcel.is_old for parcel in self.parcels if parcel.status == "delivered") and not by_staff:
            return "return_period_over"
        self.returns.append(made)
        return None

    def decide(self, made: Return, status: str) -> str | None:
        if made.status != "requested":
            return "wrong_state"
        made.status = status
        return None

    def receive(self, made: Return, goods: Mapping[tuple[str, Condition], int]) -> str | None:
        came: Counter[str] = Counter()
        for (product, _), units in goods.items():
            came[product] += units
        if made.status != "approved":
            return "wrong_state"
        if not came <= self.returnable(besides=made):
            return "nothing_to_return"
        for (product, condition), units in goods.items():
            self.stock[product].on_hand += units if condition == "resellable" else 0
        made.received = came
        worth = sum(units * self.prices[product] for product, units in came.items())
        made.refund = min(worth, self.captured - self.refunded)
        self._refund(made.refund)
        made.status = "refunded" if made.refund else "closed"
        back = sum((each.received for each in self.returns), Counter())
        if self.status in ("shipped", "delivered") and back == self.kept:
            self.status = "returned"
        return None

    def age(self) -> None:
        """A month passes: parcels are lost, approved returns closed, and the return period is over."""
        for parcel in self.parcels:
            parcel.status = "lost" if parcel.status == "shipped" else parcel.status
            parcel.is_old = parcel.status == "delivered"
        for made in self.returns:
            made.status = "closed" if made.status == "approved" else made.status
