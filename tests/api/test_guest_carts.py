"""A guest's cart over the REST API, and its merge at sign-in."""

from collections.abc import Callable
from typing import Any

import pytest

from models import catalogue, inventory
from models.core.database import transaction
from tests.conftest import ADDRESS, PASSWORD, Caller
from tests.shopping import make_product

ADA = {
    "username": "ada", "email": "ada@example.org", "password": PASSWORD, "first_name": "Ada", "last_name": "L",
    "address": ADDRESS,
}  # fmt: skip


@pytest.fixture
def guest(client: Any) -> Callable[..., Any]:
    """Opens a guest's cart; returns a function that sends requests with the token of the cart."""
    opened = client.post("/v1/cart")
    assert opened.status_code == 201, opened.json
    token = opened.headers["X-Cart-Token"]
    assert opened.json == {"items": [], "total": {"amount": 0, "currency": "EUR"}, "changes": [], "token": token}

    def send(method: str, path: str, **options: Any) -> Any:
        headers = {"X-Cart-Token": token, **options.pop("headers", {})}
        return client.open(path, method=method, headers=headers, **options)

    return send


def put(send: Any, product_id: str, quantity: int, **headers: str) -> Any:
    body = {"product_id": product_id, "quantity": quantity}
    return send("POST", "/v1/cart/items", json=body, headers=headers)


def test_a_guest_cart_is_filled_changed_and_emptied(guest: Any, client: Any) -> None:
    cup, pot = make_product("CUP", 9, 500), make_product("POT", 9, 700)
    assert put(guest, cup, 3).status_code == 201
    put(guest, pot, 1)
    assert guest("PATCH", f"/v1/cart/items/{cup}", json={"quantity": 2}).json["total"]["amount"] == 1700
    assert guest("DELETE", f"/v1/cart/items/{cup}?quantity=1").json["total"]["amount"] == 1200
    assert [item["quantity"] for item in guest("GET", "/v1/cart").json["items"]] == [1, 1]
    assert put(guest, cup, 9).json["code"] == "insufficient_stock"
    assert guest("DELETE", "/v1/cart/items").json["items"] == []
    assert client.get("/v1/cart").status_code == 401
    assert guest("POST", "/v1/checkout", headers={"Idempotency-Key": "1"}, json={}).status_code == 401


def test_a_repeated_addition_of_a_guest_is_applied_once(guest: Any) -> None:
    cup = make_product("CUP", 9)
    first, again = (put(guest, cup, 2, **{"Idempotency-Key": "once"}) for _ in range(2))
    assert (first.json, again.headers["Idempotent-Replayed"]) == (again.json, "true")
    assert guest("GET", "/v1/cart").json["items"][0]["quantity"] == 2


def test_an_unknown_cart_token_is_refused(client: Any, customer: Caller) -> None:
    for method, path in (("GET", "/v1/cart"), ("POST", "/v1/cart/items"), ("DELETE", "/v1/cart/items")):
        refused = client.open(path, method=method, headers={"X-Cart-Token": "made-up"})
        assert (refused.status_code, refused.json["code"]) == (401, "invalid_cart_token")
    assert customer.get("/v1/cart", headers={"X-Cart-Token": "made-up"}).status_code == 200


def test_a_guest_cart_is_merged_once_at_login(guest: Any, customer: Caller) -> None:
    cup, pot = make_product("CUP", 9), make_product("POT", 3)
    customer.post("/v1/cart/items", json={"product_id": pot, "quantity": 2})
    put(guest, cup, 3)
    put(guest, pot, 2)
    login = {"username": "customer", "password": PASSWORD}
    answer = guest("POST", "/v1/auth/login", json=login)
    assert answer.status_code == 200
    short = {"product_id": pot, "name": "The POT", "wanted": 4, "quantity": 3}
    assert answer.json["cart"] == {"added": 4, "short": [short]}
    again = guest("POST", "/v1/auth/login", json=login)
    assert (again.status_code, "cart" in again.json) == (200, False)
    held = {item["product_id"]: item["quantity"] for item in customer.get("/v1/cart").json["items"]}
    assert held == {cup: 3, pot: 3}
    assert guest("GET", "/v1/cart").json["code"] == "invalid_cart_token"


def test_a_guest_cart_is_merged_at_registration(guest: Any, client: Any) -> None:
    cup = make_product("CUP", 9)
    put(guest, cup, 3)
    answer = guest("POST", "/v1/auth/register", json=ADA)
    assert answer.json["cart"] == {"added": 3, "short": []}
    mine = client.get("/v1/cart", headers={"Authorization": f"Bearer {answer.json['access_token']}"}).json
    assert [(item["product_id"], item["quantity"]) for item in mine["items"]] == [(cup, 3)]


def test_a_refused_sign_in_leaves_the_guest_cart(guest: Any, sign_in: Callable[..., Caller]) -> None:
    sign_in("ada")
    put(guest, make_product("CUP", 9), 3)
    assert guest("POST", "/v1/auth/register", json=ADA).status_code == 409
    assert guest("POST", "/v1/auth/login", json={"username": "ada", "password": "wrong"}).status_code == 401
    assert guest("GET", "/v1/cart").json["items"][0]["quantity"] == 3


def test_a_signed_in_customer_takes_over_a_guest_cart(guest: Any, customer: Caller) -> None:
    cup = make_product("CUP", 9)
    put(guest, cup, 3)
    opened = guest("POST", "/v1/cart", headers=customer.headers)
    assert (opened.status_code, opened.json["cart"]) == (200, {"added": 3, "short": []})
    assert opened.json["items"][0]["quantity"] == 3
    assert "token" not in opened.json
    assert "cart" not in guest("POST", "/v1/cart", headers=customer.headers).json


def test_changes_of_price_and_stock_are_shown_once(customer: Caller) -> None:
    cup, pot = make_product("CUP", 9, 500), make_product("POT", 5)
    for product_id in (cup, pot):
        customer.post("/v1/cart/items", json={"product_id": product_id, "quantity": 2})
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, cup), {"price_amount": 650})
        inventory.adjust(session, cup, -8, "broken")
        catalogue.delete_product(session, catalogue.get_product(session, pot))
    seen = customer.get("/v1/cart").json
    assert seen["changes"] == [
        {"product_id": cup, "kind": "price", "before": {"amount": 500, "currency": "EUR"},
         "now": {"amount": 650, "currency": "EUR"}},
        {"product_id": cup, "kind": "availability", "before": 9, "now": 1},
        {"product_id": pot, "kind": "gone", "before": 5, "now": 0},
    ]  # fmt: skip
    assert customer.get("/v1/cart").json["changes"] == []


def test_checkout_freezes_the_current_price(customer: Caller) -> None:
    cup = make_product("CUP", 9, 500)
    assert customer.post("/v1/cart/items", json={"product_id": cup, "quantity": 2}).json["total"]["amount"] == 1000
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, cup), {"price_amount": 650})
    body = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
    accepted = customer.post("/v1/checkout", json=body, headers={"Idempotency-Key": "1"}).json
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, cup), {"price_amount": 999})
    order = customer.get(accepted["links"]["order"]).json
    assert order["total"]["amount"] == 1300
    assert order["lines"][0]["unit_price"]["amount"] == 650


def test_checkout_of_a_deleted_product_is_refused(customer: Caller) -> None:
    cup = make_product("CUP", 9, 500)
    customer.post("/v1/cart/items", json={"product_id": cup, "quantity": 2})
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, cup))
    body = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
    refused = customer.post("/v1/checkout", json=body, headers={"Idempotency-Key": "1"})
    assert (refused.status_code, refused.json["code"], refused.json["products"]) == (409, "product_unavailable", [cup])
    assert customer.get("/v1/orders").json["data"] == []
