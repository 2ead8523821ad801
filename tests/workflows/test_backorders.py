"""Products that are sold beyond stock, with real workers: from the cart to the last parcel."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from local.waiting import wait_until
from models import inventory, notifications
from models.core.database import transaction
from tests.models.shelves import broken, move
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}
SOON = "2100-01-01"


def allow(staff: Any, product_id: str, limit: int) -> None:
    terms = {"limit": limit, "promised_on": SOON}
    assert staff.put(f"/v1/products/{product_id}/backorder", json=terms).status_code == 200


def ship(staff: Any, order: dict[str, Any], **body: Any) -> Any:
    body = {"tracking_number": "1Z", **body}
    return staff.post(f"/v1/orders/{order['id']}/fulfilments", json=body, headers=WAIT)


def stock(staff: Any, product_id: str) -> tuple[int, int, int]:
    (level,) = staff.get(f"/v1/products/{product_id}/stock").json["data"]
    return level["on_hand"], level["reserved"], level["backordered"]


def test_an_order_is_shipped_as_its_backordered_goods_come(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT-LATER", 1)
    allow(staff, shirt, 3)
    placed = order(customer, {shirt: 3})
    assert placed.status_code == 201, placed.json
    shown = customer.get(f"/v1/orders/{placed.json['id']}").json
    assert (shown["status"], shown["promised_on"]) == ("confirmed", SOON)
    assert [(line["quantity"], line["backordered"], line["promised_on"]) for line in shown["lines"]] == [(3, 2, SOON)]
    assert stock(staff, shirt) == (1, 1, 2)
    with transaction() as session:
        table = notifications.Notification
        text = session.scalars(select(table.text).where(table.kind == "order_confirmed")).one()
    assert "We expect 2 × The SHIRT-LATER on 1 January 2100." in text
    two = [{"product_id": shirt, "quantity": 2}]
    assert ship(staff, shown, lines=two).json["left"] == [
        {"warehouse_id": main(), "product_id": shirt, "quantity": 1}
    ]  # fmt: skip
    assert ship(staff, shown).status_code == 200
    assert customer.get(f"/v1/orders/{shown['id']}").json["status"] == "processing"  # not shipped: two are missing
    move(shirt, 5)
    assert stock(staff, shirt) == (5, 2, 0)
    subject = f"Goods of order {shown['number']} have arrived"
    assert wait_until(lambda: [mail for mail in shop.mails() if mail["subject"] == subject], 20, 0.05)
    assert customer.get(f"/v1/orders/{shown['id']}").json["promised_on"] is None
    assert ship(staff, shown, lines=two).status_code == 200
    assert customer.get(f"/v1/orders/{shown['id']}").json["status"] == "shipped"
    assert (stock(staff, shirt), broken()) == ((3, 0, 0), [])


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def test_a_cancelled_or_declined_order_frees_its_backorders(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT-FREED", 1)
    allow(staff, shirt, 3)
    declined = order(customer, {shirt: 3}, method="pm_card_chargeDeclined")
    assert (declined.status_code, stock(staff, shirt)) == (402, (1, 0, 0))
    customer.delete("/v1/cart/items")
    placed = order(customer, {shirt: 4}).json
    assert stock(staff, shirt) == (1, 1, 3)
    beyond = customer.post("/v1/cart/items", json={"product_id": shirt, "quantity": 1})
    assert (beyond.status_code, beyond.json["available"]) == (409, 0)
    cancelled = customer.post(f"/v1/orders/{placed['id']}/cancel", headers=WAIT)
    assert cancelled.status_code == 200, cancelled.json
    assert (stock(staff, shirt), broken()) == ((1, 0, 0), [])


def test_what_is_sold_beyond_stock_is_reordered(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT-REORDERED", 1)
    allow(staff, shirt, 9)
    threshold = {"product_id": shirt, "reorder_point": 1, "reorder_quantity": 5}
    assert staff.put("/v1/stock/thresholds", json=threshold).status_code == 200
    assert wait_until(lambda: staff.get("/v1/purchase-orders").json["data"], 20, 0.05)  # low from the start
    assert order(customer, {shirt: 8}).status_code == 201
    assert wait_until(lambda: len(staff.get("/v1/purchase-orders").json["data"]) == 2, 20, 0.05)
    quantities = [one["lines"][0]["quantity"] for one in staff.get("/v1/purchase-orders").json["data"]]
    assert quantities == [5 + 2, 5]


def test_backordered_pieces_are_cancelled_first(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT-CANCELLED", 2)
    allow(staff, shirt, 3)
    placed = order(customer, {shirt: 5}).json
    url = f"/v1/orders/{placed['id']}"

    def cancel(quantity: int) -> Any:
        lines = [{"product_id": shirt, "quantity": quantity}]
        return customer.post(f"{url}/cancel", json={"lines": lines}, headers=WAIT)

    assert cancel(2).status_code == 200
    assert (stock(staff, shirt), broken()) == ((2, 2, 1), [])
    assert [(line["cancelled"], line["backordered"]) for line in customer.get(url).json["lines"]] == [(2, 1)]
    assert cancel(2).status_code == 200
    assert (stock(staff, shirt), broken()) == ((2, 1, 0), [])
    assert customer.get(url).json["promised_on"] is None
