"""The cart over the REST API."""

from collections.abc import Callable
from typing import Any

import pytest

from models import catalogue, inventory
from models.core.database import transaction
from tests.conftest import Caller

UNKNOWN = "prd_" + 32 * "0"


@pytest.fixture
def product() -> Callable[..., str]:
    def make(sku: str, quantity: int = 10, amount: int = 500) -> str:
        fields = {"sku": sku, "kind": "clothing", "title": f"Shirt {sku}", "price_amount": amount, "currency": "EUR"}
        with transaction() as session:
            product_id = catalogue.create_product(session, {**fields, "category": "Shirts"}).id
            inventory.adjust(session, product_id, quantity, "delivery")
        return product_id

    return make


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def add(customer: Caller, product_id: str, quantity: int) -> Any:
    return customer.post("/v1/cart/items", json={"product_id": product_id, "quantity": quantity})


def test_a_new_cart_is_empty(customer: Caller) -> None:
    response = customer.get("/v1/cart")
    assert response.status_code == 200
    assert response.json == {"items": [], "total": euros(0), "changes": []}


def test_added_quantities_add_up(customer: Caller, product: Callable[..., str]) -> None:
    blue, red = product("BLUE", 10, 500), product("RED", 3, 1999)
    assert add(customer, blue, 2).status_code == 201
    add(customer, red, 1)
    shown = add(customer, blue, 3).json
    assert shown == {
        "items": [
            {"product_id": blue, "name": "Shirt BLUE", "quantity": 5, "available": 10,
             "unit_price": euros(500), "line_total": euros(2500)},
            {"product_id": red, "name": "Shirt RED", "quantity": 1, "available": 3,
             "unit_price": euros(1999), "line_total": euros(1999)},
        ],
        "total": euros(4499),
        "changes": [],
    }  # fmt: skip
    assert customer.get("/v1/cart").json == shown


def test_a_quantity_above_stock_is_refused_with_the_available_quantity(
    customer: Caller, product: Callable[..., str]
) -> None:
    blue = product("BLUE", 3)
    add(customer, blue, 2)
    for refused in (
        add(customer, blue, 2),
        customer.patch(f"/v1/cart/items/{blue}", json={"quantity": 4}),
    ):
        assert (refused.status_code, refused.json["code"]) == (409, "insufficient_stock")
        assert refused.json["available"] == 3
    assert customer.get("/v1/cart").json["items"][0]["quantity"] == 2


def test_items_are_changed_and_removed(customer: Caller, product: Callable[..., str]) -> None:
    blue, red = product("BLUE"), product("RED")
    add(customer, blue, 5)
    add(customer, red, 1)
    path = f"/v1/cart/items/{blue}"
    assert customer.patch(path, json={"quantity": 4}).json["total"] == euros(2500)
    assert customer.delete(f"{path}?quantity=3").json["total"] == euros(1000)
    assert [item["product_id"] for item in customer.delete(path).json["items"]] == [red]
    assert customer.delete(path).status_code == 404
    assert customer.patch(path, json={"quantity": 1}).status_code == 404
    assert customer.delete("/v1/cart/items").json["items"] == []
    assert customer.delete("/v1/cart/items").status_code == 200


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "2", None, True, 10**12])
def test_a_quantity_must_be_a_positive_integer(customer: Caller, product: Callable[..., str], quantity: object) -> None:
    refused = customer.post("/v1/cart/items", json={"product_id": product("BLUE"), "quantity": quantity})
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["quantity"]


def test_a_product_must_exist(customer: Caller) -> None:
    assert add(customer, UNKNOWN, 1).status_code == 404
    assert add(customer, "usr_1", 1).status_code == 422
    assert customer.delete("/v1/cart/items/no-id").status_code == 404


def test_carts_are_private_to_their_owner(
    customer: Caller, sign_in: Callable[..., Caller], client: Any, product: Callable[..., str]
) -> None:
    add(customer, product("BLUE"), 1)
    assert sign_in("other").get("/v1/cart").json["items"] == []
    for method, path in (("GET", "/v1/cart"), ("POST", "/v1/cart/items"), ("DELETE", "/v1/cart/items")):
        assert client.open(path, method=method).status_code == 401


def test_a_repeated_addition_is_applied_once(customer: Caller, product: Callable[..., str]) -> None:
    body = {"product_id": product("BLUE"), "quantity": 2}
    for _ in range(2):
        shown = customer.post("/v1/cart/items", json=body, headers={"Idempotency-Key": "once"}).json
    assert shown["items"][0]["quantity"] == 2
