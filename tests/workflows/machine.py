"""The shop as a state machine: requests about orders, payments and stock, at any time, by real workers.

Hypothesis chooses the requests, also repeated and out of order. After each one, the shop has refused it with the code
that the model (`books.py`) says, or done what the model has done, and all invariants of `shop audit` hold. A new
request is a rule here and a method there.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any
from uuid import uuid4

import requests
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, initialize, invariant, multiple, rule

from tests.conftest import ADDRESS
from tests.faults.checks import audited
from tests.workflows import records
from tests.workflows.at_once import AT_ONCE, explains
from tests.workflows.books import Condition, Order, Parcel, Return
from tests.workflows.goods_machine import SKUS, SMALL, GoodsMachine

LINES = st.dictionaries(SKUS, SMALL, min_size=1)
GOODS = st.dictionaries(st.tuples(SKUS, st.sampled_from(["resellable", "damaged"])), SMALL, min_size=1)
PART = st.none() | st.sampled_from([1, 500, 1999, 2500, 10_000])
"""An amount in minor units, or all that is left."""


class Machine(GoodsMachine):
    """The requests of a customer, and of staff about orders."""

    placed = Bundle("placed")
    parcels = Bundle("parcels")
    returned = Bundle("returned")
    undecided = Bundle("undecided")
    waiting = Bundle("waiting")

    @initialize(target=placed)
    def open_shop(self) -> Any:
        """A new shop with a delivered order, a shipped one and a confirmed one."""
        self.orders: list[Order] = []
        self._stock_up()
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
        if not self._fill_cart(lines):
            return multiple()
        if stolen:
            sku = next(iter(lines))
            self.adjust(sku, -self.stock[self.ids[sku]].available)
        self._check_out(order, {"method": f"pm_card_{method}"}, order.place(declined=method != "visa"))
        return order

    @rule(target=waiting, units=SMALL)
    def order_beyond_stock(self, units: int) -> Any:
        if not self._fill_cart({"CAPE": units}):
            return multiple()
        order = Order(self._named({"CAPE": units}), self.prices, self.stock)
        self._check_out(order, {"method": "pm_card_visa"}, order.place(declined=False))
        return order

    @rule(target=placed, order=waiting)
    def look_whether_goods_have_come(self, order: Order) -> Any:
        """Once they have, the order is one like others."""
        lines = self.customer.get(f"/v1/orders/{order.id}").json["lines"]
        missing = 0 if order.status == "cancelled" else self.stock[self.ids["CAPE"]].waiting.get(order.number, 0)
        assert [line["backordered"] for line in lines] == [missing]
        return multiple() if missing else order

    @rule(order=waiting)
    def cancel_waiting(self, order: Order) -> None:
        if order.is_waiting:  # the others are `placed`
            self._send(self.customer, f"/v1/orders/{order.id}/cancel", {}, order.cancel(by_staff=False))

    @rule(target=undecided, lines=LINES, provider=st.sampled_from(["stripe", "paypal"]))
    def place_to_confirm(self, lines: dict[str, int], provider: str) -> Any:
        """3-D Secure or PayPal: the checkout waits for the customer."""
        if not self._fill_cart(lines):
            return multiple()
        order = Order(self._named(lines), self.prices, self.stock)
        order.await_customer()
        payment = {"method": "pm_card_threeDSecure2Required"} if provider == "stripe" else {"provider": provider}
        return order, self._check_out(order, payment, None)

    @rule(target=placed, of=consumes(undecided), decision=st.sampled_from(["confirm", "confirm", "fail", "give up"]))
    def decide_payment(self, of: tuple[Order, dict[str, Any]], decision: str) -> Any:
        """The webhook is lost: the checkout asks the provider by itself."""
        order, accepted = of
        if decision == "give up":
            self._check(self.customer.post(f"/v1/orders/{order.id}/cancel", json={}), None)
        else:
            url = accepted["next_action"]["url"]
            answer = {"result": "succeeded" if decision == "confirm" or "checkoutnow" in url else "failed"}
            funding = {"funding": "declined"} if decision == "fail" and "checkoutnow" in url else {}
            requests.post(url, json={**answer, **funding}, timeout=30).raise_for_status()
            records.ask_provider(order)
        order.decide_payment(decision)
        task = self.customer.get(f"/v1/tasks/{accepted['task_id']}?wait=20").json
        assert task["status"] == ("succeeded" if decision == "confirm" else "cancelled"), task
        return order

    def teardown(self) -> None:
        """Ends the checkout that waits: the next shop has the same customer."""
        for order in getattr(self, "orders", []):
            if order.status == "pending":
                accepted = self._check(self.customer.post(f"/v1/orders/{order.id}/cancel", json={}), None)
                self.customer.get(f"/v1/tasks/{accepted['task_id']}?wait=20")

    def _fill_cart(self, lines: dict[str, int]) -> bool:
        """Whether the goods can be ordered: they are for sale, and no checkout of the cart waits for its customer."""
        self.customer.delete("/v1/cart/items")
        for line in self._body(lines):
            code = None if self.stock[line["product_id"]].for_sale >= line["quantity"] else "insufficient_stock"
            self._check(self.customer.post("/v1/cart/items", json=line), code)
            if code:
                return False
        if any(order.status == "pending" for order in self.orders):
            body = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
            self._send(self.customer, "/v1/checkout", body, "checkout_in_progress")
            return False
        return True

    def _check_out(self, order: Order, payment: dict[str, str], code: str | None) -> dict[str, Any]:
        body = {"address": ADDRESS, "payment": payment}
        found: dict[str, Any] = self._send(self.customer, "/v1/checkout", body, code)
        order.id = found.get("order_id") or found["id"]
        order.payment_id = self.customer.get(f"/v1/orders/{order.id}").json["payment_id"]
        self.orders.append(order)
        return found

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
            requests.post(url, timeout=30).raise_for_status()
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
        turn = next((turn for turn in turns if explains(turn, order)), None)
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
        for level in self.stock.values():
            level.allocate()
        for order in self.orders:
            assert records.read_order(order) == order.shown, order
        for purchase in self.purchases:
            assert records.read_purchase_order(purchase) == purchase.status, purchase
        for transfer in self.transfers:
            assert records.read_transfer(transfer) == transfer.status, transfer
        assert records.read_stock(self.stock) == self.stock
        assert records.read_elsewhere(self.annex) == self.elsewhere
        cape = self.ids["CAPE"]
        assert records.read_backordered(cape) == self.stock[cape].backordered
        broken = [finding for finding in audited(self.shop) if not finding.ok]
        assert broken == [], broken
