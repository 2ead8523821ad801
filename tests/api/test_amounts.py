"""The highest prices and quantities are refused or calculated exactly; no product of theirs exceeds a bigint."""

import io
from typing import Any

import pytest
from sqlalchemy import update

from models import catalogue, inventory
from models.core.database import transaction
from models.inventory import MAX_LEVEL
from models.inventory.tables import Stock
from models.orders.placing import MAX_TOTAL
from serving.carts import MAX_QUANTITY
from tests.conftest import ADDRESS
from tests.shopping import make_product

CARD = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}


@pytest.fixture
def gem() -> str:
    """The most expensive product, with the highest level."""
    return make_product("GEM", MAX_LEVEL, catalogue.MAX_PRICE)


def check_out(caller: Any) -> Any:
    return caller.post("/v1/checkout", json=CARD, headers={"Idempotency-Key": "gems"})


def test_an_order_that_is_too_large_is_refused(customer: Any, gem: str) -> None:
    added = customer.post("/v1/cart/items", json={"product_id": gem, "quantity": MAX_QUANTITY})
    assert added.json["total"]["amount"] == catalogue.MAX_PRICE * MAX_QUANTITY
    more = make_product("CROWN", MAX_LEVEL, catalogue.MAX_PRICE)
    assert customer.post("/v1/cart/items", json={"product_id": more, "quantity": MAX_QUANTITY}).status_code == 201
    refused = check_out(customer)
    assert (refused.status_code, refused.json["code"], refused.json["limit"]) == (409, "order_too_large", MAX_TOTAL)
    assert customer.get("/v1/orders").json["data"] == []
    customer.patch(f"/v1/cart/items/{gem}", json={"quantity": 1})
    customer.delete(f"/v1/cart/items/{more}")
    assert check_out(customer).status_code == 202


def test_levels_that_together_exceed_an_integer_can_be_sold(customer: Any, staff: Any, gem: str) -> None:
    for name in ("North", "South"):
        made = staff.post("/v1/warehouses", json={"name": name}).json
        body = {"product_id": gem, "warehouse_id": made["id"], "quantity": MAX_LEVEL, "reason": "delivery"}
        assert staff.post("/v1/stock/adjustments", json=body).status_code == 201
    added = customer.post("/v1/cart/items", json={"product_id": gem, "quantity": 1})
    assert (added.status_code, added.json["items"][0]["available"]) == (201, MAX_LEVEL)
    assert customer.get("/v1/cart").status_code == 200
    assert customer.patch(f"/v1/cart/items/{gem}", json={"quantity": 2}).status_code == 200


def test_the_differences_of_a_count_are_valued(staff: Any, gem: str) -> None:
    opened = staff.post("/v1/stock-counts", json={"lines": [{"product_id": gem, "counted": 0}]})
    assert opened.status_code in (201, 202), opened.text
    counted = staff.get(f"/v1/stock-counts/{opened.json.get('id') or opened.json['stock_count_id']}")
    assert counted.json["totals"]["value"] == -MAX_LEVEL * catalogue.MAX_PRICE


def test_the_audit_values_the_stock(gem: str) -> None:
    with transaction() as session:
        session.execute(update(Stock).values(average_cost=catalogue.MAX_PRICE))
        figures = {name: figures for name, _, figures in inventory.audit(session)}
    average = figures["average costs lie between the costs at which units came"]
    assert average["value"] == MAX_LEVEL * catalogue.MAX_PRICE


def test_a_file_name_with_nul_is_refused(staff: Any) -> None:
    form = {"file": (io.BytesIO(b"sku,kind,title,category,price\n"), "a\0b.csv")}
    answer = staff.post("/v1/catalogue/imports", data=form, content_type="multipart/form-data")
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["file"])
