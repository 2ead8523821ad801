"""The customers of a replay: each places the orders of their invoices through the REST API."""

import hmac
import threading
import time

from demo.client import Client, Refused, Unreachable, seconds_of
from demo.confirming import confirm_address
from demo.replay.goods import Products
from demo.replay.journal import Entry, Journal
from demo.replay.retail import Invoice

PAYMENT = {"method": "pm_card_visa"}
CART_ATTEMPTS = 20  # attempts to fill a cart after a lost response, a second apart


class Customer:
    """A signed-in customer. `returning`: the account existed before this replay. `mailbox`: where the customer reads
    mails; empty: nowhere, and the address is not confirmed."""

    def __init__(self, client: Client, number: str, country: str, secret: str, mailbox: str = "") -> None:
        self.client = client
        username = f"retail-{number}"
        password = hmac.digest(secret.encode(), username.encode(), "sha256").hex()
        try:
            client.register(
                {
                    "username": username, "email": f"{username}@example.com", "password": password,
                    "first_name": "Customer", "last_name": number, "address": address(country),
                },
            )  # fmt: skip
            self.returning = False
        except Refused as refusal:
            if refusal.status != 409:
                raise
            client.sign_in(username, password)
            self.returning = True
        if mailbox and not client.get("/v1/me")["email_confirmed"]:  # a replay may have been interrupted before
            confirm_address(client, mailbox)


class OrderPlacer:
    """Places the order of each invoice exactly once, across interrupted replays."""

    def __init__(self, shop: Client, products: Products, journal: Journal, secret: str, mailbox: str) -> None:
        self._shop, self._products, self._journal, self._secret = shop, products, journal, secret
        self._mailbox = mailbox
        self._customers: dict[str, Customer] = {}
        self._guard = threading.Lock()

    def place(self, invoice: Invoice) -> Entry:
        """Places the order of an invoice, unless it exists, and waits for its end.

        Invoices of one customer must not be placed concurrently, because they share a cart. Raises Refused,
        Unreachable and Unfinished.
        """
        entry = self._journal.find(invoice.number) or Entry(
            invoice.number, invoice.customer, invoice.value, len(invoice.lines), invoice.units
        )
        if entry.status:
            return entry
        customer = self.customer(invoice)
        if entry.order_id is None and customer.returning:
            self._find_order(customer, invoice, entry)
        if entry.order_id is None:
            self._journal.keep(entry)
            self._fill_cart(customer.client, invoice)
            self._check_out(customer.client, invoice, entry)
        self._follow(customer.client, entry)
        return entry

    def customer(self, invoice: Invoice) -> Customer:
        """The customer of an invoice, registered and signed in."""
        with self._guard:
            known = self._customers.get(invoice.customer)
        if known is None:
            made = self._shop.new_client()
            known = Customer(made, invoice.customer, invoice.country, self._secret, self._mailbox)
            with self._guard:
                self._customers[invoice.customer] = known
        return known

    def _find_order(self, customer: Customer, invoice: Invoice, entry: Entry) -> None:
        """Finds the order of an invoice if it was placed but the response was lost.

        Compares the lines, because idempotency keys are kept for one day only.
        """
        known = self._journal.orders_of(invoice.customer)
        wanted = {(line.sku, line.quantity, line.price) for line in invoice.lines.values()}
        for order in customer.client.list("/v1/orders"):
            lines = {(line["sku"], line["quantity"], line["unit_price"]["amount"]) for line in order["lines"]}
            if order["id"] not in known and lines == wanted:
                entry.order_id, entry.task_id = order["id"], order["task_id"]
                self._journal.keep(entry)
                return

    def _fill_cart(self, client: Client, invoice: Invoice) -> None:
        for left in reversed(range(CART_ATTEMPTS)):
            try:
                client.delete("/v1/cart/items")
                for line in invoice.lines.values():
                    item = {"product_id": self._products.ids[line.sku], "quantity": line.quantity}
                    client.post("/v1/cart/items", item)
                return
            except (Unreachable, Refused) as error:  # the last item may have been added or not
                if not left or (isinstance(error, Refused) and error.status < 500):
                    raise
                time.sleep(1)

    def _check_out(self, client: Client, invoice: Invoice, entry: Entry) -> None:
        body = {"address": address(invoice.country), "payment": PAYMENT}
        with self._products.at_prices_of(invoice.lines.values()):
            accepted = client.post("/v1/checkout", body, key=f"replay:{invoice.number}")
        entry.order_id, entry.task_id = accepted["order_id"], accepted["task_id"]
        self._journal.keep(entry)

    def _follow(self, client: Client, entry: Entry) -> None:
        task = client.follow(str(entry.task_id))
        order = client.get(f"/v1/orders/{entry.order_id}")
        entry.number, entry.total = order["number"], order["total"]["amount"]
        entry.reason = (order["reason"] or task["error"] or {}).get("code")
        if order["status"] != "pending":  # otherwise its run requires an operator
            entry.status = "confirmed" if order["confirmed_at"] else order["status"]
        entry.seconds = seconds_of(task)
        self._journal.keep(entry)


def address(country: str) -> dict[str, str]:
    """An address in the country; the file contains no more than that."""
    return {"line1": "1 High Street", "city": country, "country": country}
