"""A model of the goods of the shop: stock, backorders, deliveries of suppliers and transfers; see `books.py`."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Level:
    """The stock of a product in the main warehouse. `limit`: how many units are sold beyond it.

    `waiting`: order → units that it waits for, oldest first.
    """

    on_hand: int
    reserved: int = 0
    limit: int = field(default=0, compare=False)
    waiting: dict[int, int] = field(default_factory=dict, compare=False)

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved

    @property
    def backordered(self) -> int:
        return sum(self.waiting.values())

    @property
    def for_sale(self) -> int:
        return self.available + self.limit - self.backordered

    def reserve(self, number: int, units: int) -> None:
        """Reserves units for an order, which waits for those that are not there."""
        there = min(self.available, units)
        self.reserved += there
        if units > there:
            self.waiting[number] = units - there

    def release(self, number: int, units: int) -> None:
        """Frees units of an order: first those that it waits for."""
        self.reserved -= units - self.waiting.pop(number, 0)

    def allocate(self) -> None:
        """Gives what is available to the orders that wait, oldest first."""
        for number in list(self.waiting):
            units = min(self.available, self.waiting[number])
            self.reserved += units
            self.waiting[number] -= units
            if not self.waiting[number]:
                del self.waiting[number]

    def adjust(self, quantity: int) -> str | None:
        if self.on_hand + quantity < 0:
            return "insufficient_stock"
        if self.on_hand + quantity < self.reserved:
            return "below_reserved"
        self.on_hand += quantity
        return None


@dataclass
class PurchaseOrder:
    """An order of one product from the supplier."""

    product_id: str
    quantity: int
    status: str = "ordered"
    id: str = ""
    received: int = 0

    def receive(self, stock: dict[str, Level], quantity: int) -> str | None:
        if self.status not in ("ordered", "partly_received"):
            return "wrong_state"
        if self.received + quantity > self.quantity:
            return "more_than_ordered"
        self.received += quantity
        self.status = "received" if self.received == self.quantity else "partly_received"
        stock[self.product_id].on_hand += quantity
        return None

    def cancel(self) -> str | None:
        if self.status not in ("ordered", "partly_received"):
            return "wrong_state"
        self.status = "cancelled"
        return None


@dataclass
class Transfer:
    """Units of one product on their way from the main warehouse to the other one."""

    product_id: str
    quantity: int
    status: str = "in_transit"
    id: str = ""

    def send(self, stock: dict[str, Level]) -> str | None:
        if stock[self.product_id].available < self.quantity:
            return "insufficient_stock"
        stock[self.product_id].on_hand -= self.quantity
        return None

    def receive(self, elsewhere: Counter[str], received: int) -> str | None:
        if self.status != "in_transit":
            return "wrong_state"
        if received > self.quantity:
            return "more_than_sent"
        self.status = "received"
        elsewhere[self.product_id] += received
        return None

    def cancel(self, stock: dict[str, Level]) -> str | None:
        if self.status != "in_transit":
            return "wrong_state"
        self.status = "cancelled"
        stock[self.product_id].on_hand += self.quantity
        return None
