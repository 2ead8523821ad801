"""The shop as a state machine: requests about orders, payments and stock, at any time, by real workers.

Hypothesis chooses the requests, also repeated and out of order. After each one, the shop has refused it with the code
that the model (`books.py`) says, or done what the model has done, and all invariants of `shop audit` hold. A new
request is a rule here and a method there.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import permutations
from typing import Any
from uuid import uuid4

import requests
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from tests.conftest import ADDRESS
from tests.faults.checks import audited
from tests.shop import Shop
from tests.shopping import make_product
from tests.workflows import records
from tests.workflows.books import Condition, Level, Order, Parcel, PurchaseOrder, Return

STOCK = 9
PRICES = {"SHIRT": 1999, "HAT": 501}
SMALL = st.integers(1, 3)
SKUS = st.sampled_from(sorted(PRICES))
LINES = st.dictionaries(SKUS, SMALL, min_size=1)
GOODS = st.dictionaries(st.tuples(SKUS, st.sampled_from(["resellable", "damaged"])), SMALL, min_size=1)
PART = st.none() | st.sampled_from([1, 500, 1999, 2500, 10_000])
"""An amount in minor units, or all that is left."""
Act = tuple[str, dict[str, Any], Callable[[Order], str | None]]
AT_ONCE: dict[str, Act] = {
    "cancel": ("/v1/orders/{order.id}/cancel", {}, lambda order: order.cancel(by_staff=True)),
    "capture": ("/v1/payments/{order.payment_id}/capture", {}, lambda order: order.capture(None)),
    "refund": (
        "/v1/payments/{order.payment_id}/refunds", {"amount": 500, "reason": "Late"}, lambda order: order.refund(500)
    ),
    "ship": (
        "/v1/orders/{order.id}/fulfilments", {"tracking_number": "1Z999"},
        lambda order: order.ship(Parcel(order.unpacked)),
    ),
}  # fmt: skip
"""Requests of staff about one order, and what the model does."""


class Machine(RuleBasedStateMachine):
    """The requests of a customer and of staff. `shop`, `customer` and `staff` are set by the test."""

    shop: Shop
    customer: Any
    staff: Any
    placed = Bundle("placed")
    parcels = Bundle("parcels")
    returned = Bundle("returned")
    bought = Bundle("bought")

    @initialize(target=placed)
    def open_shop(self) -> Any:
        """A new shop with a delivered order, a shipped one and a confirmed one."""
        self.orders: list[Order] = []
        self.purchases: list[PurchaseOrder] = []
        self.ids = {sku: make_product(f"{sku}-{uuid4().hex[:8]}", STOCK, price) for sku, price in PRICES.items()}
        self.prices = {self.ids[sku]: price for sku, price in PRICES.items()}
        self.stock = {product_id: Level(STOCK) for product_id in self.ids.values()}
        made: list[Order] = [self.place({"SHIRT": 2, "HAT": 1}, "visa", False) for _ in range(3)]  # type: ignore[misc]
        for order in made[:2]:
            self.ship(order, None)
        self.deliver((made[0], made[0].parcels[0]))
        return multiple(*made)

    @rule(
        target=placed, lines=LINES, method=st.sampled_from(["visa", "visa", "visa", "chargeDeclined"]),
        stolen=st.sampled_from([False, False, False, True]),
    )  # fmt: skip
    def place(self, lines: dict[str, int], method: str, stolen: bool) -> Any:
        """`stolen`: the first product is gone by the time of the checkout."""
        order = Order(self._named(lines), self.prices, self.stock)
        self.customer.delete("/v1/cart/items")
        for line in self._body(lines):
            code = None if self.stock[line["product_id"]].available >= line["quantity"] else "insufficient_stock"
            self._check(self.customer.post("/v1/cart/items", json=line), code)
            if code:
                return multiple()
        if stolen:
            sku = next(iter(lines))
            self.adjust(sku, -self.stock[self.ids[sku]].available)
        body = {"address": ADDRESS, "payment": {"method": f"pm_card_{method}"}}
        found = self._send(self.customer, "/v1/checkout", body, order.place(declined=method != "visa"))
        order.id = found.get("order_id") or found["id"]
        order.payment_id = self.customer.get(f"/v1/orders/{order.id}").json["payment_id"]
        self.orders.append(order)
        return order

    @rule(order=placed, amount=PART)
    def capture(self, order: Order, amount: int | None) -> None:
        body = {} if amount is None else {"amount": amount}
        self._send(self.staff, f"/v1/payments/{order.payment_id}/capture", body, order.capture(amount))

    @rule(order=placed, amount=PART)
    def refund(self, order: Order, amount: int | None) -> None:
        body = {"reason": "It was late.", **({} if amount is None else {"amount": amount})}
        self._send(self.staff, f"/v1/payments/{order.payment_id}/refunds", body, order.refund(amount))

    @rule(order=placed)
    def authorisation_expires(self, order: Order) -> None:
        """The provider releases the money by itself, if it still holds it."""
        if order.payment == "authorised" and not order.lapsed:
            reference = self.staff.get(f"/v1/payments/{order.payment_id}").json["reference"]
            url = f"{self.shop.gateway.url}/sandbox/payment_intents/{reference}/lapse"
            requests.post(url, timeout=5).raise_for_status()
            order.lapsed = True

    @rule(order=placed, by_staff=st.booleans())
    def cancel(self, order: Order, by_staff: bool) -> None:
        caller = self.staff if by_staff else self.customer
        self._send(
            caller, f"/v1/orders/{order.id}/cancel", {"reason": "Changed my mind."}, order.cancel(by_staff=by_staff)
        )

    @rule(order=placed, lines=LINES, by_staff=st.booleans())
    def cancel_pieces(self, order: Order, lines: dict[str, int], by_staff: bool) -> None:
        wanted = self._named(lines)
        body = {"lines": [{"product_id": product, "quantity": units} for product, units in wanted.items()]}
        caller, code = self.staff if by_staff else self.customer, order.cancel(by_staff=by_staff, lines=wanted)
        self._send(caller, f"/v1/orders/{order.id}/cancel", body, code)

    @rule(
        target=parcels, order=placed,
        status=st.sampled_from(["processing", "shipped", "delivered", "returned", "cancelled"]),
    )  # fmt: skip
    def edit(self, order: Order, status: str) -> Any:
        made = len(order.parcels)
        self._check(self.staff.patch(f"/v1/orders/{order.id}", json={"status": status}), order.edit(status))
        for parcel, found in zip(order.parcels, records.list_parcels(order), strict=True):
            parcel.id = found
        return multiple(*((order, parcel) for parcel in order.parcels[made:]))

    @rule(target=parcels, order=placed, lines=st.none() | LINES)
    def ship(self, order: Order, lines: dict[str, int] | None) -> Any:
        parcel = Parcel(order.unpacked if lines is None else self._named(lines))
        body = {"tracking_number": "1Z999", **({} if lines is None else {"lines": self._body(lines)})}
        code = order.ship(parcel)
        found = self._send(self.staff, f"/v1/orders/{order.id}/fulfilments", body, code)
        parcel.id = found.get("id", "")
        return multiple() if code else (order, parcel)

    @rule(of=parcels)
    def deliver(self, of: tuple[Order, Parcel]) -> None:
        order, parcel = of
        order.deliver(parcel)
        self._check(self.staff.post(f"/v1/fulfilments/{parcel.id}/delivered"), None)

    @rule(of=parcels)
    def cancel_parcel(self, of: tuple[Order, Parcel]) -> None:
        """Too late: the payment was captured when the parcel left."""
        self._send(self.staff, f"/v1/fulfilments/{of[1].id}/cancel", {}, "run_over")

    @rule(target=returned, order=placed, lines=LINES, by_staff=st.booleans())
    def request_return(self, order: Order, lines: dict[str, int], by_staff: bool) -> Any:
        made = Return(self._named(lines))
        code = order.request_return(made, by_staff=by_staff)
        body = {"lines": self._body(lines), "reason": "Too small"}
        caller = self.staff if by_staff else self.customer
        made.id = self._send(caller, f"/v1/orders/{order.id}/returns", body, code, wait=0).get("return_id", "")
        return multiple() if code else (order, made)

    @rule(of=returned, approve=st.sampled_from([True, True, False]))
    def decide(self, of: tuple[Order, Return], approve: bool) -> None:
        order, made = of
        action, status, body = ("approve", "approved", {}) if approve else ("refuse", "refused", {"reason": "Worn"})
        self._send(self.staff, f"/v1/returns/{made.id}/{action}", body, order.decide(made, status), wait=0)

    @rule(of=returned, goods=GOODS)
    def receive(self, of: tuple[Order, Return], goods: dict[tuple[str, Condition], int]) -> None:
        order, made = of
        code = order.receive(made, {(self.ids[sku], condition): units for (sku, condition), units in goods.items()})
        lines = [
            {"product_id": self.ids[sku], "quantity": units, "condition": condition}
            for (sku, condition), units in goods.items()
        ]
        self._send(self.staff, f"/v1/returns/{made.id}/receive", {"lines": lines}, code)

    @rule(order=placed)
    def a_month_passes(self, order: Order) -> None:
        """The order's parcels and returns were moved a month into the past."""
        records.age(order)
        order.age()

    @rule(sku=SKUS, quantity=st.sampled_from([1, 3, -1, -2, -50]))
    def adjust(self, sku: str, quantity: int) -> None:
        body = {"product_id": self.ids[sku], "quantity": quantity, "reason": "count"}
        code = self.stock[self.ids[sku]].adjust(quantity)
        self._send(self.staff, "/v1/stock/adjustments", body, code)

    @precondition(lambda self: len(self.purchases) < 2)
    @rule(target=bought, sku=SKUS, quantity=SMALL)
    def restock(self, sku: str, quantity: int) -> PurchaseOrder:
        made = PurchaseOrder(self.ids[sku], quantity)
        body = {"lines": self._body({sku: quantity})}
        made.id = self._send(self.staff, "/v1/restocks", body, None, wait=0)["purchase_order_id"]
        self.purchases.append(made)
        return made

    @rule(of=bought, quantity=SMALL)
    def goods_arrive(self, of: PurchaseOrder, quantity: int) -> None:
        body = {"lines": [{"product_id": of.product_id, "quantity": quantity}]}
        code = of.receive(self.stock, quantity)
        self._send(self.staff, f"/v1/purchase-orders/{of.id}/receive", body, code, wait=0)

    @rule(of=bought)
    def cancel_restock(self, of: PurchaseOrder) -> None:
        self._send(self.staff, f"/v1/purchase-orders/{of.id}/cancel", {}, of.cancel(), wait=0)

    @rule(target=parcels, order=placed, acts=st.lists(st.sampled_from(sorted(AT_ONCE)), min_size=2, max_size=3))
    def act_at_once(self, order: Order, acts: list[str]) -> Any:
        """Requests at the same instant have the effect that they have one after the other, in some order."""
        if order.lapsed:  # a parcel whose payment is refused meanwhile keeps the order from being cancelled
            return multiple()
        parcels = len(order.parcels)

        def send(act: str) -> bool:
            path, body, _ = AT_ONCE[act]
            headers = {"Idempotency-Key": uuid4().hex, "Prefer": "wait=20"}
            answer = self.staff.post(path.format(order=order), json=body, headers=headers)
            assert answer.status_code in (200, 409), answer.json
            return bool(answer.status_code == 200)

        with ThreadPoolExecutor(len(acts)) as threads:
            accepted = list(threads.map(send, acts))
        records.settle()
        turns = permutations(zip(acts, accepted, strict=True))
        turn = next((turn for turn in turns if _explains(turn, order)), None)
        assert turn is not None, (acts, accepted, order, records.read_order(order))
        for act, _ in turn:
            AT_ONCE[act][2](order)
        for parcel, found in zip(order.parcels, records.list_parcels(order), strict=True):
            parcel.id = found
        return multiple(*((order, parcel) for parcel in order.parcels[parcels:]))

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "orders"):
            return
        records.settle()
        for order in self.orders:
            assert records.read_order(order) == order.shown, order
        for purchase in self.purchases:
            assert records.read_purchase_order(purchase) == purchase.status, purchase
        assert records.read_stock(self.stock) == self.stock
        assert [finding for finding in audited(self.shop) if not finding.ok] == []

    def _send(self, caller: Any, path: str, body: dict[str, Any], code: str | None, wait: int = 20) -> Any:
        """Sends the request twice with the same key: the second one changes nothing."""
        headers = {"Idempotency-Key": uuid4().hex, **({"Prefer": f"wait={wait}"} if wait else {})}
        first = self._check(caller.post(path, json=body, headers=headers), code)
        again = self._check(caller.post(path, json=body, headers=headers), code)
        assert first.get("id") == again.get("id")
        return first

    def _check(self, answer: Any, code: str | None) -> Any:
        seen = answer.json.get("code") if answer.status_code >= 400 else None
        assert seen == code, (answer.status_code, answer.json)
        assert answer.status_code < 300 or answer.status_code in (402, 409), answer.json
        return answer.json

    def _named(self, lines: dict[str, int]) -> Counter[str]:
        return Counter({self.ids[sku]: units for sku, units in lines.items()})

    def _body(self, lines: dict[str, int]) -> list[dict[str, Any]]:
        return [{"product_id": self.ids[sku], "quantity": units} for sku, units in lines.items()]


def _explains(turn: Iterable[tuple[str, bool]], order: Order) -> bool:
    """Whether the requests in this order explain which of them were accepted, and what the order is now."""
    trial = deepcopy(order)
    outcomes = [(AT_ONCE[act][2](trial) is None) == accepted for act, accepted in turn]
    return all(outcomes) and trial.shown == records.read_order(order)
