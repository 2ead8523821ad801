"""An order that a test takes through its steps, as workers and the gateway do."""

from collections.abc import Callable
from dataclasses import replace

from durable import queries, transitions
from durable.ids import new_id
from models import carts, inventory, notifications, orders, payments
from models.core.database import transaction
from models.operations.audit import ProviderPayment

Action = Callable[[], None]


class Sale:
    """An order and its steps. `held` is its payment at the gateway."""

    def __init__(self, product_id: str, quantity: int = 2) -> None:
        user_id = new_id("usr")
        with transaction() as session:
            carts.add(session, user_id, product_id, quantity)
            placed = orders.place(session, user_id, {"city": "Utrecht"}, "pm_card_visa")
            self.order = orders.get(session, placed.id)
            self.payment_id = payments.find_first_payment(session, placed.id)
            self.lines = {line.product_id: line.quantity for line in orders.lines_of(session, [self.id])[self.id]}
        self.held: ProviderPayment | None = None

    @property
    def id(self) -> str:
        return self.order.id

    @property
    def run_id(self) -> str:
        assert self.order.run_id
        return self.order.run_id

    def reserve(self) -> None:
        with transaction() as session:
            inventory.reserve(session, self.id, self.lines)

    def hold(self) -> None:
        """Authorises at the gateway, before the shop records it."""
        self.held = ProviderPayment(
            f"pi_{self.id}", self.id, self.payment_id, "authorised", self.order.total, self.order.currency
        )

    def authorise(self) -> None:
        assert self.held
        with transaction() as session:
            payments.record_authorisation(session, self.payment_id, self.held.reference)

    def confirm(self) -> None:
        with transaction() as session:
            orders.confirm(session, self.id)

    def allocate(self) -> None:
        with transaction() as session:
            inventory.allocate(session, self.id)

    def clear(self) -> None:
        with transaction() as session:
            carts.remove_ordered(session, self.order.user_id, self.id, {})

    def notify(self, kind: str = "order_confirmed", fault: str | None = None) -> None:
        key, declared = f"checkout:{self.id}", notifications.KINDS[kind]
        context = {
            "number": 1, "first_name": "Ada", "lines": [], "total": 0, "currency": "EUR", "invoice": "…", "code": "…",
            "reason": "…", "charged": False, "delayed": False, "promised": [],
        }  # fmt: skip
        with transaction() as session:
            notifications.compose(
                session, declared, context, key=key, channel="email", recipient="ada@example.org",
                user_id=self.order.user_id, language="en",
            )  # fmt: skip
            notifications.record_delivery(session, kind, key=key, channel="email", fault=fault)

    def let_go(self) -> None:
        """Voids at the gateway."""
        assert self.held
        self.held = replace(self.held, state="voided")

    def void(self) -> None:
        with transaction() as session:
            payments.record_void(session, self.payment_id, self.held.reference if self.held else None)

    def release(self) -> None:
        with transaction() as session:
            inventory.release(session, self.id)

    def cancel(self) -> None:
        with transaction() as session:
            orders.cancel(session, self.id, {"code": "out_of_luck", "detail": "It was not to be."})

    def end(self, status: str = "succeeded") -> None:
        with transaction() as session:
            transitions.end(session, queries.get_run(session, self.run_id), status)

    def forwards(self) -> list[Action]:
        return [self.reserve, self.hold, self.authorise, self.confirm, self.allocate, self.clear, self.notify, self.end]

    def backwards(self) -> list[Action]:
        """The compensation after an authorisation."""
        notified, ended = (lambda: self.notify("order_cancelled")), (lambda: self.end("cancelled"))
        return [self.let_go, self.void, self.release, self.cancel, notified, ended]
