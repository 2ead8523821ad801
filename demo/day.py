"""What follows the orders of the demo: confirmations by customers, parcels, a return, a cancellation, a restock.

Each part compares what the shop shows with what must be.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from typing import Any

from demo.checks import Check
from demo.client import MAX_WAIT, Client, Unfinished
from demo.confirming import confirm_address
from demo.shopping import Customer, Purchase
from local.waiting import wait_until

PATIENCE = 20.0  # seconds to wait for what follows an event
RETURN_URL = "https://shop.example.com/thanks"
Line = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """Something that has happened: what, to which order, with which id, and an amount."""

    what: str
    order: str
    id: str
    amount: str = ""


@dataclass
class Day:
    """The rest of a day in the shop. `tell` is called with each event. `carrier`: the URL of the sandbox carrier.

    `on_hand` and `reserved`: SKU → by how many units each has changed. `mails`: recipient and subject.
    """

    staff: Client
    carrier: str
    tell: Callable[[Event], None]
    on_hand: Counter[str] = field(default_factory=Counter)
    reserved: Counter[str] = field(default_factory=Counter)
    mails: list[tuple[str, str]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def confirm_address(self, customer: Customer, mailbox: str) -> None:
        """The customer confirms the e-mail address after the first orders, whose mails were held until now."""
        client = customer.client

        def held() -> int:
            return sum(mail["status"] == "held" for mail in client.list("/v1/notifications"))

        before, confirmed = held(), client.get("/v1/me")["email_confirmed"]
        confirm_address(client, mailbox)
        wait_until(lambda: held() == 0, PATIENCE, 0.1)
        found = confirmed, before > len(customer.planned_orders), client.get("/v1/me")["email_confirmed"], held()
        self.tell(Event(f"address confirmed by mail, held until then: {before}", "", client.user["email"]))
        self.record("mails held until the address is confirmed", found == (False, True, True, 0), (before, held()))

    def confirm_payment(self, customer: Customer, product: Line, payment: dict[str, str], page: str) -> None:
        """The customer orders one unit, and confirms the payment on the page of the bank or of PayPal."""
        client = customer.client
        client.delete("/v1/cart/items")
        client.post("/v1/cart/items", {"product_id": product["id"], "quantity": 1})
        checkout = {"address": customer.address, "payment": {**payment, "return_url": RETURN_URL}}
        accepted = client.post("/v1/checkout", checkout, key=f"demo-{page}")
        task = self._wait_for_customer(client, accepted["task_id"])
        url = task["next_action"]["url"]
        order = client.get(f"/v1/orders/{accepted['order_id']}")
        self.tell(Event(f"payment waits for {page}", order["number"], task["id"], money(order["total"])))
        waiting = order["status"], order["payment_status"]
        client.post_to(url, {"result": "succeeded"})
        task = client.follow(task["id"])
        order = client.get(f"/v1/orders/{order['id']}")
        self.tell(Event(f"confirmed on {page}", order["number"], order["payment_id"], money(order["total"])))
        self.reserved[product["sku"]] += 1
        self.mails.append((client.user["email"], f"Your order {order['number']} is confirmed"))
        ended = task["status"], order["status"], order["payment_status"]
        ok = waiting == ("pending", "action_required") and ended == ("succeeded", "confirmed", "authorised")
        self.record(f"a payment confirmed on {page}", ok, waiting + ended)

    def ship_in_two_parcels(self, purchase: Purchase) -> None:
        """Staff ship one line with a label of their own and the rest with a label that the shop buys."""
        order = purchase.order
        by_hand = self._ship(order, order["lines"][:1], {"carrier": "UPS", "tracking_number": f"1Z-{order['number']}"})
        labelled = self._ship(order, order["lines"][1:], {})
        label, cost = f"{labelled['carrier']} {labelled['tracking_number']}", money(labelled["label_cost"])
        self.tell(Event(f"label bought: {label}", order["number"], labelled["id"], cost))
        payment = self.staff.get(f"/v1/payments/{order['payment_id']}")
        self.tell(Event("payment captured", order["number"], payment["id"], money(payment["captured"])))
        shipped = self.staff.get(f"/v1/orders/{order['id']}")["status"]
        self.staff.post(f"/v1/fulfilments/{by_hand['id']}/delivered", {})
        self.tell(Event("parcel delivered", order["number"], by_hand["id"]))
        self.staff.post_to(
            f"{self.carrier}/sandbox/parcels/{labelled['tracking_number']}/move", {"status": "delivered"}
        )
        self._wait_for_status(f"/v1/fulfilments/{labelled['id']}", "delivered")
        self.tell(Event("parcel delivered, says the carrier", order["number"], labelled["id"]))
        delivered = self.staff.get(f"/v1/orders/{order['id']}")["status"]
        seen = shipped, delivered, payment["status"], money(payment["captured"])
        self.record(
            "an order in two parcels", seen == ("shipped", "delivered", "captured", money(order["total"])), seen
        )

    def _ship(self, order: dict[str, Any], lines: list[Line], label: dict[str, str]) -> dict[str, Any]:
        accepted = self.staff.post(f"/v1/orders/{order['id']}/fulfilments", {"lines": _quantities(lines), **label})
        self.staff.follow(accepted["task_id"])
        for line in lines:
            self.on_hand[line["sku"]] -= line["quantity"]
            self.reserved[line["sku"]] -= line["quantity"]
        units = sum(line["quantity"] for line in lines)
        self.tell(Event(f"parcel has left, units: {units}", order["number"], accepted["fulfilment_id"]))
        parcel: dict[str, Any] = self.staff.get(f"/v1/fulfilments/{accepted['fulfilment_id']}")
        return parcel

    def take_back_one_unit(self, purchase: Purchase) -> None:
        """The customer returns a unit of a delivered order; staff approve the return and receive the goods."""
        order, client = purchase.order, purchase.customer.client
        line = order["lines"][0]
        one = {"product_id": line["product_id"], "quantity": 1}
        asked = client.post(f"/v1/orders/{order['id']}/returns", {"lines": [one], "reason": "A gift I had already"})
        url = f"/v1/returns/{asked['return_id']}"
        self.tell(Event("return of one unit requested", order["number"], asked["return_id"]))
        self.staff.post(f"{url}/approve", {})
        self.staff.post(f"{url}/receive", {"lines": [{**one, "condition": "resellable"}]})
        client.follow(asked["task_id"])
        made, seen = client.get(url), client.get(f"/v1/orders/{order['id']}")
        self.on_hand[line["sku"]] += 1
        self.tell(Event("goods received and refunded", order["number"], made["id"], money(made["refund"])))
        [note] = client.get(f"/v1/orders/{order['id']}/credit-notes")["data"]
        self.tell(Event("credit note issued", order["number"], note["number"], money(note["amount"])))
        found = made["status"], seen["payment_status"], money(made["refund"]), money(note["amount"])
        price = money(line["unit_price"])
        self.record("a return with its refund", found == ("refunded", "partially_refunded", price, price), found)

    def cancel(self, purchase: Purchase) -> None:
        """The customer cancels a confirmed order; its stock and its money are released."""
        order, client = purchase.order, purchase.customer.client
        accepted = client.post(f"/v1/orders/{order['id']}/cancel", {"reason": "Ordered twice"})
        result = client.follow(accepted["task_id"])["result"]
        seen = client.get(f"/v1/orders/{order['id']}")
        for line in order["lines"]:
            self.reserved[line["sku"]] -= line["quantity"]
        units = sum(line["quantity"] for line in order["lines"])
        self.mails.append((client.user["email"], f"Your order {order['number']} was cancelled"))
        self.tell(Event("cancelled, authorisation voided", order["number"], order["payment_id"], money(order["total"])))
        found = seen["status"], seen["payment_status"], result["voided"], result["restocked"]
        self.record("a cancelled order", found == ("cancelled", "voided", order["total"]["amount"], units), found)

    def restock(self, product: Line, units: int) -> None:
        """Staff order goods that are sold out; the supplier delivers them in two parts."""
        lines = [{"product_id": product["id"], "quantity": units}]
        accepted = self.staff.post("/v1/restocks", {"lines": lines})
        url = f"/v1/purchase-orders/{accepted['purchase_order_id']}"
        number = self.staff.get(url)["number"]
        self.tell(Event(f"{units} units of {product['title']} ordered", "", f"purchase order {number}"))
        for quantity in (units - 1, 1):
            self.staff.post(f"{url}/receive", {"lines": [{**lines[0], "quantity": quantity}]})
        self.staff.follow(accepted["task_id"])
        self.on_hand[product["sku"]] += units
        status = self.staff.get(url)["status"]
        self.tell(Event(f"{units} units received", "", f"purchase order {number}"))
        self.record("a restock in two deliveries", status == "received", (status, units))

    def transfer(self, product: Line, units: int) -> None:
        """Staff move goods to a new warehouse, and receive them there."""
        main = self.staff.get(f"/v1/products/{product['id']}/stock")["data"][0]["warehouse_id"]
        annex = self.staff.post("/v1/warehouses", {"name": "Annex", "address": {"city": "Utrecht"}})["id"]
        lines = [{"product_id": product["id"], "quantity": units}]
        accepted = self.staff.post("/v1/transfers", {"from": main, "to": annex, "lines": lines})
        url = f"/v1/transfers/{accepted['transfer_id']}"
        self._wait_for_status(url, "in_transit")
        self.tell(Event(f"{units} units of {product['title']} in transit", "", accepted["transfer_id"]))
        self.staff.post(f"{url}/receive", {})
        self.staff.follow(accepted["task_id"])
        self.tell(Event(f"{units} units received in the Annex", "", accepted["transfer_id"]))
        levels = self.staff.get(f"/v1/products/{product['id']}/stock")["data"]
        found = {level["warehouse_id"]: (level["on_hand"], level["in_transit"]) for level in levels}.get(annex)
        self.record("a transfer to another warehouse", found == (units, 0), found or ())

    def count_stock(self, product: Line) -> None:
        """Staff count a product, of which one unit is missing, and the difference is approved."""
        [level, *_] = self.staff.get(f"/v1/products/{product['id']}/stock")["data"]
        counted = [{"sku": product["sku"], "counted": level["on_hand"] - 1}]
        made = self.staff.post("/v1/stock-counts", {"warehouse_id": level["warehouse_id"], "lines": counted})
        accepted = self.staff.post(f"/v1/stock-counts/{made['id']}/approve", {})
        result = self.staff.follow(accepted["task_id"])["result"]
        self.on_hand[product["sku"]] -= 1
        self.tell(Event(f"one unit missing: {product['sku']}", "", made["id"]))
        figures = result["status"], result["movements"], result["missing"], result["short"]
        self.record("a stock count", figures == ("booked", 1, 1, 0), figures)

    def report(self) -> None:
        """Staff ask for the sales of the day. The page with its charts stays after the demo."""
        accepted = self.staff.post("/v1/reports/trends", {})
        made = self.staff.get(self.staff.follow(accepted["task_id"])["links"]["report"])
        page = self.staff.get_page(made["links"]["html"])
        with NamedTemporaryFile("w", prefix="shopflow-report-", suffix=".html", delete=False) as file:
            file.write(page)
        self.tell(Event("a report with charts", "", f"file://{file.name}", f"{made['totals']['units']:.0f} units"))
        self.record("a report with charts", "<svg" in page and made["totals"]["units"] > 0, (len(made["charts"]),))

    def _wait_for_status(self, url: str, status: str) -> None:
        if not wait_until(lambda: self.staff.get(url)["status"] == status, PATIENCE, 0.1):
            raise Unfinished(f"{url} should be {status} by now.")

    def _wait_for_customer(self, client: Client, task_id: str) -> dict[str, Any]:
        task: dict[str, Any] = client.get(f"/v1/tasks/{task_id}", wait=MAX_WAIT)
        if task["status"] != "waiting" or not task.get("next_action"):
            raise Unfinished(f"Task {task_id} is {task['status']}; it should wait for its customer.")
        return task

    def record(self, name: str, ok: bool, figures: Iterable[object]) -> None:
        """Adds a check of the day with its figures."""
        self.checks.append(Check(name, ok, ", ".join(map(str, figures))))


def _quantities(lines: Iterable[Line]) -> list[dict[str, Any]]:
    return [{"product_id": line["product_id"], "quantity": line["quantity"]} for line in lines]


def money(amount: dict[str, Any]) -> str:
    """`{"amount": 1099, "currency": "EUR"}` → `10.99 EUR`."""
    return f"{amount['amount'] / 100:.2f} {amount['currency']}"
