"""Cancellations and returns of a replay: the customers ask for them, and staff of the shop handle them."""

import threading
from typing import Any

from demo.client import Client, Refused
from demo.replay.cancellations import Part
from demo.replay.customers import Customer
from demo.replay.journal import Entry, Journal, TakenBack
from models import access
from models.core.database import transaction

PARCEL = {"carrier": "Replay"}


class Clerk:
    """Cancels orders and takes goods back, each part of a cancellation once, across interrupted replays."""

    def __init__(self, shop: Client, journal: Journal, secret: str) -> None:
        self._shop, self._journal, self._secret = shop, journal, secret
        self._guard, self._clients = threading.Lock(), threading.local()

    def take_back(self, part: Part, customer: Customer) -> TakenBack:
        """Cancels the order, or ships it and takes the units back; waits for the end.

        Parts of one customer must not be taken back concurrently. Raises Refused, Unreachable and Unfinished.
        """
        done = self._journal.find_taken_back(part.cancellation, part.invoice)
        if done is None:
            entry = self._journal.find(part.invoice)
            if entry is None or entry.status != "confirmed":
                raise Refused(409, {"code": "no_order", "detail": f"Invoice {part.invoice} is no confirmed order."})
            act = self._cancel if part.cancels else self._return
            done = act(part, entry, customer)
            self._journal.keep_taken_back(done)
        return done

    def _cancel(self, part: Part, entry: Entry, customer: Customer) -> TakenBack:
        client, url = customer.client, f"/v1/orders/{entry.order_id}"
        try:
            accepted = client.post(f"{url}/cancel", {"reason": _reason(part)}, key=_key(part, "cancel"))
            client.follow(accepted["task_id"])
        except Refused as refusal:
            if refusal.problem.get("current") != "cancelled":  # cancelled by a replay that was interrupted
                raise
        order = client.get(url)
        amount = order["total"]["amount"] if order["payment_status"] == "voided" else 0
        return TakenBack(part.cancellation, part.invoice, part.value, order["status"], amount)

    def _return(self, part: Part, entry: Entry, customer: Customer) -> TakenBack:
        staff = self._staff()
        self._deliver(staff, entry)
        made = self._request(part, entry, customer)
        url = f"/v1/returns/{made['id']}"
        if made["status"] == "requested":
            staff.post(f"{url}/approve", {}, key=_key(part, "approve"))
        if made["status"] in ("requested", "approved"):
            lines = [
                {"product_id": line["product_id"], "quantity": line["quantity"], "condition": "resellable"}
                for line in made["lines"]
            ]
            staff.post(f"{url}/receive", {"lines": lines}, key=_key(part, "receive"))
        customer.client.follow(made["task_id"])
        made = customer.client.get(url)
        refund = made["refund"]["amount"] if made["refund"] else 0
        return TakenBack(part.cancellation, part.invoice, part.value, made["status"], refund)

    def _deliver(self, staff: Client, entry: Entry) -> None:
        """Ships the order in one parcel, unless it was shipped, and records its delivery."""
        url = f"/v1/orders/{entry.order_id}"
        if staff.get(url)["status"] in ("confirmed", "processing"):
            parcel = {**PARCEL, "tracking_number": f"REPLAY-{entry.number}"}
            staff.follow(staff.post(f"{url}/fulfilments", parcel, key=f"replay:ship:{entry.invoice}")["task_id"])
        for parcel in staff.get(f"{url}/fulfilments")["data"]:
            staff.post(f"/v1/fulfilments/{parcel['id']}/delivered", {}, key=f"replay:deliver:{parcel['id']}")

    def _request(self, part: Part, entry: Entry, customer: Customer) -> dict[str, Any]:
        client, reason = customer.client, _reason(part)
        if customer.returning:  # an interrupted replay may have requested it
            for made in client.list("/v1/returns"):
                if (made["order_id"], made["reason"]) == (entry.order_id, reason):
                    return made
        products = {line["sku"]: line["product_id"] for line in client.get(f"/v1/orders/{entry.order_id}")["lines"]}
        lines = [{"product_id": products[sku], "quantity": units} for sku, units in part.units.items()]
        url = f"/v1/orders/{entry.order_id}/returns"
        asked = client.post(url, {"lines": lines, "reason": reason}, key=_key(part, "return"))
        found: dict[str, Any] = client.get(f"/v1/returns/{asked['return_id']}")
        return found

    def _staff(self) -> Client:
        """A client of this thread, signed in as an account that may ship orders and take goods back."""
        if not hasattr(self._clients, "staff"):
            with self._guard:
                client = Customer(self._shop.new_client(), "staff", "United Kingdom", self._secret).client
                with transaction() as session:
                    access.grant(session, client.get("/v1/me")["id"], "warehouse")
            self._clients.staff = client
        found: Client = self._clients.staff
        return found


def _reason(part: Part) -> str:
    return f"Cancellation {part.cancellation} of invoice {part.invoice}"


def _key(part: Part, what: str) -> str:
    return f"replay:{what}:{part.cancellation}:{part.invoice}"
