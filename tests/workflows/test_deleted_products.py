"""Orders stay readable after their products are deleted."""

from collections.abc import Callable
from typing import Any

from tests.conftest import Caller
from tests.shop import Shop


def test_an_order_of_a_deleted_product_is_still_readable(
    shop: Shop, product: Callable[..., str], order: Callable[..., Any], customer: Caller, staff: Caller, client: Any
) -> None:
    hat = product("HAT", 3, price=2500)
    placed = order(customer, {hat: 2})
    assert placed.status_code == 201, placed.json
    path = f"/v1/orders/{placed.json['id']}"
    before = customer.get(path).json
    category = client.get(f"/v1/products/{hat}").json["category"]["id"]
    assert staff.delete(f"/v1/products/{hat}").status_code == 204
    assert staff.delete(f"/v1/categories/{category}").status_code == 204, "nothing on sale is in it"
    assert client.get(f"/v1/products/{hat}").status_code == 404
    after = customer.get(path).json
    assert after == before
    (line,) = after["lines"]
    assert (line["product_id"], line["sku"], line["quantity"]) == (hat, "HAT", 2)
    assert line["unit_price"] == {"amount": 2500, "currency": "EUR"}
    assert after["invoice_number"]
    adjusted = {"product_id": hat, "quantity": -1, "reason": "given away"}
    assert staff.post("/v1/stock/adjustments", json=adjusted).status_code == 201, "what is left of it may go"
