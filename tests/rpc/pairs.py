"""Calls and their twins in the REST API. docs/grpc.md has the same table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Fields = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """`twin`: method and path; the fields that the path names go there, the others into the query or the body.

    `shown`: the field of the answer that has what REST answers; empty: the answer is the same. `unknown`: requests for
    what does not exist. `invalid`: requests with invalid fields.
    """

    twin: str
    shown: str = ""
    unknown: tuple[Fields, ...] = ()
    invalid: tuple[Fields, ...] = ()

    def ask(self, fields: Fields) -> tuple[str, str, dict[str, Any]]:
        """Method, path and further options of the request to the REST API."""
        method, path = self.twin.split(" ")
        rest = dict(fields)
        path = re.sub(r"\{(\w+)\}", lambda found: str(rest.pop(found[1])), path)
        if method in ("GET", "DELETE"):
            return method, path, {"query_string": {name: _text(value) for name, value in rest.items()}}
        return method, path, {"json": rest}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


NOTHING = "0" * 32
PAGES = ({"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"cursor": "§"})


def of(name: str) -> str:
    service, method = name.split(".")
    return f"shopflow.{service.lower()}.v1.{service}Service/{method}"


PAIRS: Mapping[str, Pair] = {
    of("Authentication.ValidateToken"): Pair(
        "POST /v1/auth/introspect", invalid=({}, {"token": "x" * 4001}, {"token": "\0"})
    ),
    of("Authorisation.CheckPermission"): Pair(
        "POST /v1/authz/check",
        invalid=({}, {"resource": "stock"}, {"resource": "STOCK", "action": "read"}, {"token": "x" * 4001}),
    ),
    of("Users.GetUser"): Pair("GET /v1/users/{user_id}", "user", ({"user_id": f"usr_{NOTHING}"}, {"user_id": "x"})),
    of("Users.ListUsers"): Pair("GET /v1/users", invalid=(*PAGES, {"q": "a"}, {"role": "x" * 65})),
    of("Catalogue.GetProduct"): Pair(
        "GET /v1/products/{product_id}", "product", ({"product_id": f"prd_{NOTHING}"}, {"product_id": "usr_1"})
    ),
    of("Catalogue.SearchProducts"): Pair(
        "GET /v1/products",
        invalid=(*PAGES, {"sort": "x"}, {"sort": "relevance"}, {"kind": "X!"}, {"price_min": -1}, {"group_id": "x"}),
    ),
    of("Cart.GetCart"): Pair("GET /v1/cart", "cart"),
    of("Cart.AddItem"): Pair(
        "POST /v1/cart/items", "cart",
        ({"product_id": f"prd_{NOTHING}", "quantity": 1},),
        ({}, {"product_id": "x", "quantity": 1}, {"product_id": f"prd_{NOTHING}", "quantity": -1}),
    ),
    of("Cart.SetQuantity"): Pair(
        "PATCH /v1/cart/items/{product_id}", "cart",
        ({"product_id": f"prd_{NOTHING}", "quantity": 1}, {"product_id": "x", "quantity": 1}),
        ({"product_id": f"prd_{NOTHING}", "quantity": 1_000_001},),
    ),
    of("Cart.RemoveItem"): Pair(
        "DELETE /v1/cart/items/{product_id}", "cart",
        ({"product_id": f"prd_{NOTHING}"}, {"product_id": "x"}),
        ({"product_id": f"prd_{NOTHING}", "quantity": 0},),
    ),
    of("Orders.PlaceOrder"): Pair(
        "POST /v1/checkout",
        unknown=({"address_id": f"adr_{NOTHING}", "payment": {"method": "pm_card_visa"}},),
        invalid=(
            {}, {"payment": {"method": "pm_card_visa"}}, {"address_id": "x", "payment": {"method": "pm_card_visa"}},
            {"address": {"line1": "1", "city": "x\ny", "country": "GB"}, "payment": {"method": "pm_card_visa"}},
            {"address_id": f"adr_{NOTHING}", "payment": {"provider": "cash"}},
            {"address_id": f"adr_{NOTHING}", "payment": {"method": "pm_card_visa", "return_url": "ftp://x"}},
        ),
    ),
    of("Orders.GetOrder"): Pair(
        "GET /v1/orders/{order_id}", "order", ({"order_id": f"ord_{NOTHING}"}, {"order_id": "x"})
    ),
    of("Orders.ListOrders"): Pair("GET /v1/orders", invalid=(*PAGES, {"status": "x"}, {"user_id": "x"})),
    of("Payments.GetPayment"): Pair(
        "GET /v1/payments/{payment_id}", "payment", ({"payment_id": f"pay_{NOTHING}"}, {"payment_id": "x"})
    ),
    of("Payments.ListPayments"): Pair("GET /v1/payments", invalid=(*PAGES, {"status": "x"}, {"order_id": "x"})),
    of("Inventory.GetStock"): Pair(
        "GET /v1/stock", invalid=(*PAGES, {"product_id": "x"}, {"warehouse_id": "x"})
    ),
    of("Inventory.CheckCapacity"): Pair(
        "POST /v1/warehouses/{warehouse_id}/capacity-check",
        unknown=(
            {"warehouse_id": f"wh_{NOTHING}", "product_id": f"prd_{NOTHING}", "quantity": 1},
            {"warehouse_id": "x", "product_id": f"prd_{NOTHING}", "quantity": 1},
        ),
        invalid=(
            {"warehouse_id": f"wh_{NOTHING}"},
            {"warehouse_id": f"wh_{NOTHING}", "product_id": "x", "quantity": 1},
        ),
    ),
    of("Inventory.Reserve"): Pair(
        "POST /v1/reservations", "reservation",
        ({"reference": "a-1", "lines": [{"product_id": f"prd_{NOTHING}", "quantity": 1}]},),
        (
            {}, {"reference": "a\nb", "lines": [{"product_id": "x", "quantity": 1}]},
            {"reference": "a-1", "lines": [{"product_id": f"prd_{NOTHING}", "quantity": 1}] * 2},
            {"reference": "\0", "lines": [{"product_id": "\0", "quantity": 1}]},
        ),
    ),
    of("Inventory.GetReservation"): Pair(
        "GET /v1/reservations/{reservation_id}", "reservation",
        ({"reservation_id": f"res_{NOTHING}"}, {"reservation_id": "x"}),
    ),
    of("Inventory.Release"): Pair(
        "POST /v1/reservations/{reservation_id}/release", "reservation",
        ({"reservation_id": f"res_{NOTHING}"}, {"reservation_id": "x"}),
    ),
    of("Inventory.Ship"): Pair(
        "POST /v1/reservations/{reservation_id}/ship", "reservation",
        ({"reservation_id": f"res_{NOTHING}"}, {"reservation_id": "x"}),
    ),
    of("Notifications.ListNotifications"): Pair("GET /v1/notifications", invalid=(*PAGES, {"user_id": "x"})),
    of("Notifications.GetNotification"): Pair(
        "GET /v1/notifications/{notification_id}", "notification",
        ({"notification_id": f"ntf_{NOTHING}"}, {"notification_id": "x"}),
    ),
    of("Tasks.GetTask"): Pair(
        "GET /v1/tasks/{task_id}", "task", ({"task_id": f"run_{NOTHING}"}, {"task_id": "x"}),
        ({"task_id": f"run_{NOTHING}", "wait": 31.0}, {"task_id": f"run_{NOTHING}", "wait": -1.0}),
    ),
    of("Tasks.FollowTask"): Pair(
        "GET /v1/tasks/{task_id}/events", "task", ({"task_id": f"run_{NOTHING}"}, {"task_id": "x"})
    ),
}  # fmt: skip
