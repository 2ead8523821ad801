"""The part of the state machine (`machine.py`) that is about goods: stock, deliveries of suppliers, and transfers."""

from collections import Counter
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, precondition, rule

from tests.models.shelves import warehouse
from tests.shop import Shop
from tests.shopping import make_product
from tests.workflows import records
from tests.workflows.stock_books import Level, PurchaseOrder, Transfer

STOCK = {"SHIRT": 9, "HAT": 9, "CAPE": 1, "SCARF": 9}
PRICES = {"SHIRT": 1999, "HAT": 501, "CAPE": 3000, "SCARF": 700}
"""CAPE is sold beyond stock, to customers who buy nothing else with it. SCARF is only kept in two warehouses: orders
for the others come from the main one, so that the model need not choose warehouses."""
LIMIT = 4
SMALL = st.integers(1, 3)
SKUS = st.sampled_from(["HAT", "SHIRT"])


class GoodsMachine(RuleBasedStateMachine):
    """The requests of staff about goods. `shop`, `customer` and `staff` are set by the test."""

    shop: Shop
    customer: Any
    staff: Any
    bought = Bundle("bought")
    sent = Bundle("sent")

    def _stock_up(self) -> None:
        self.purchases: list[PurchaseOrder] = []
        self.transfers: list[Transfer] = []
        self.elsewhere: Counter[str] = Counter()
        tag = uuid4().hex[:8]
        self.annex = warehouse(f"Annex {tag}")
        self.ids = {sku: make_product(f"{sku}-{tag}", STOCK[sku], price) for sku, price in PRICES.items()}
        self.prices = {self.ids[sku]: price for sku, price in PRICES.items()}
        self.stock = {self.ids[sku]: Level(units) for sku, units in STOCK.items()}
        cape = self.ids["CAPE"]
        self.stock[cape].limit = LIMIT
        terms = {"limit": LIMIT, "promised_on": "2100-01-01"}
        self._check(self.staff.put(f"/v1/products/{cape}/backorder", json=terms), None)

    @rule(sku=st.sampled_from(["HAT", "SHIRT", "CAPE", "CAPE"]), quantity=st.sampled_from([1, 3, -1, -2, -50]))
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

    @precondition(lambda self: len(self.transfers) < 4)
    @rule(target=sent, sku=st.sampled_from(["SHIRT", "SCARF"]), quantity=st.sampled_from([1, 2, 3, 8]))
    def send(self, sku: str, quantity: int) -> Any:
        made = Transfer(self.ids[sku], quantity)
        code = made.send(self.stock)
        body = {"from": records.main_warehouse(), "to": self.annex, "lines": self._body({sku: quantity})}
        made.id = self._send(self.staff, "/v1/transfers", body, code, wait=0).get("transfer_id", "")
        if code:
            return multiple()
        self.transfers.append(made)
        return made

    @rule(of=sent, received=st.integers(0, 3))
    def receive_transfer(self, of: Transfer, received: int) -> None:
        """Shirts are lost on the way."""
        units = received if of.product_id == self.ids["SCARF"] else 0
        body = {"lines": [{"product_id": of.product_id, "quantity": units}]}
        code = of.receive(self.elsewhere, units)
        self._send(self.staff, f"/v1/transfers/{of.id}/receive", body, code, wait=0)

    @rule(of=sent)
    def cancel_transfer(self, of: Transfer) -> None:
        self._send(self.staff, f"/v1/transfers/{of.id}/cancel", {}, of.cancel(self.stock), wait=0)

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
