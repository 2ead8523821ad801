"""Checkout from the request to the mail, with real workers."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from durable import queries
from models.core.database import transaction
from tests.shop import Shop
from tests.shopping import fill_cart, make_product, place_order


def _stock(product_id: str) -> tuple[int, int]:
    with transaction() as session:
        levels = session.execute(
            text("SELECT sum(on_hand), sum(reserved) FROM inventory.stock WHERE product_id = :id"),
            {"id": product_id.removeprefix("prd_")},
        ).one()
    return int(levels[0]), int(levels[1])


def _task(caller: Any, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"/v1/tasks/{run_id}?wait=20").json
    return found


def test_a_checkout_confirms_pays_and_mails_the_order_and_clears_the_cart(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt, hat = product("SHIRT", 10), product("HAT", 5, price=500)
    answer = order(customer, {shirt: 2, hat: 1})
    assert answer.status_code == 201, answer.json
    placed = answer.json
    assert (placed["status"], placed["payment_status"]) == ("confirmed", "authorised")
    assert placed["total"] == {"amount": 2 * 1999 + 500, "currency": "EUR"}
    assert placed["invoice_number"].endswith("-000001")
    assert customer.get("/v1/cart").json["items"] == []
    assert (_stock(shirt), _stock(hat)) == ((10, 2), (5, 1))
    held = [i for i in shop.ledger() if i["metadata"]["order_id"] == placed["id"]]
    assert [(i["amount_capturable"], len(i["operations"])) for i in held] == [(4498, 1)]
    assert [i["metadata"]["payment_id"] for i in held] == [placed["payment_id"]]
    mails = [mail for mail in shop.mails() if placed["number"] in mail["subject"]]
    assert [(mail["to"], mail["deliveries"]) for mail in mails] == [(["customer@example.org"], 1)]
    task = _task(customer, placed["task_id"])
    assert task["status"] == "succeeded"
    assert task["progress"] == {"done": 8, "total": 8}
    assert [step["attempts"] for step in task["steps"]] == [1] * 8


def test_a_declined_card_cancels_the_order_and_releases_its_stock(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT", 10)
    answer = order(customer, {shirt: 2}, method="pm_card_chargeDeclinedInsufficientFunds")
    assert (answer.status_code, answer.mimetype) == (402, "application/problem+json")
    assert (answer.json["code"], answer.json["decline_code"]) == ("payment_declined", "insufficient_funds")
    placed = customer.get(f"/v1/orders/{answer.json['order_id']}").json
    assert (placed["status"], placed["payment_status"]) == ("cancelled", "failed")
    assert placed["reason"]["code"] == "payment_declined"
    assert placed["invoice_number"] is None
    assert _stock(shirt) == (10, 0)
    assert customer.get("/v1/cart").json["items"][0]["quantity"] == 2
    task = _task(customer, answer.json["task_id"])
    assert task["status"] == "cancelled"
    names = [(step["name"], step["status"]) for step in task["steps"]]
    assert ("payments.authorise", "refused") in names
    assert ("undo:inventory.reserve", "done") in names
    assert [m["subject"] for m in shop.mails() if placed["number"] in m["subject"]] == [
        f"Your order {placed['number']} was cancelled"
    ]


def test_a_cart_can_be_checked_out_again(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt, hat = product("SHIRT", 10), product("HAT", 10)
    assert order(customer, {shirt: 2}, method="pm_card_chargeDeclined").status_code == 402
    assert order(customer, {hat: 1}).status_code == 201  # with the shirts still in the cart
    assert order(customer, {hat: 3}).status_code == 201
    assert (_stock(shirt), _stock(hat)) == ((10, 2), (10, 4))


def test_the_last_unit_is_sold_once(
    shop: Shop, sign_in: Callable[..., Any], product: Callable[..., str], order: Callable[..., Any]
) -> None:
    last = product("LAST", 1)
    callers = [sign_in("ada"), sign_in("bob"), sign_in("cyd")]
    for caller in callers:  # before the first checkout: what is sold out cannot be added
        fill_cart(caller, {last: 1})
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda caller: order(caller, {}), callers))
    assert Counter(a.status_code for a in answers) == {201: 1, 409: 2}
    assert {a.json["code"] for a in answers if a.status_code == 409} == {"insufficient_stock"}
    assert _stock(last) == (1, 1)


def test_concurrent_checkouts_do_not_oversell(
    shop: Shop, sign_in: Callable[..., Any], product: Callable[..., str], order: Callable[..., Any]
) -> None:
    many = product("MANY", 1000)
    callers = [sign_in(f"buyer{n}") for n in range(12)]
    for caller in callers:
        fill_cart(caller, {many: 91})  # 1,092 in all
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda caller: order(caller, {}), callers))
    assert Counter(a.status_code for a in answers) == {201: 10, 409: 2}
    assert _stock(many) == (1000, 910)


def test_a_repeated_key_places_one_order(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT", 10)
    first = order(customer, {shirt: 1}, **{"Idempotency-Key": "same"})
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: order(customer, {}, **{"Idempotency-Key": "same"}), range(4)))
    assert [a.json["id"] for a in again] == [first.json["id"]] * 4
    assert [a.headers.get("Idempotent-Replayed") for a in again] == ["true"] * 4
    assert len(customer.get("/v1/orders").json["data"]) == 1


def test_another_customer_sees_neither_task_nor_order(
    shop: Shop, customer: Any, sign_in: Callable[..., Any], product: Callable[..., str], order: Callable[..., Any]
) -> None:
    placed = order(customer, {product("SHIRT", 10): 1}).json
    stranger, operator = sign_in("stranger"), sign_in("operator", "staff")
    for path in (f"/v1/tasks/{placed['task_id']}", f"/v1/orders/{placed['id']}"):
        assert [who.get(path).status_code for who in (stranger, customer, operator)] == [404, 200, 200]


def test_an_empty_cart_or_a_missing_key_is_refused(shop: Shop, customer: Any, order: Callable[..., Any]) -> None:
    assert order(customer, {}).json["code"] == "cart_empty"
    body = {"address_id": "adr_" + "0" * 32, "payment": {"method": "pm_card_visa"}}
    assert customer.post("/v1/checkout", json=body).json["code"] == "idempotency_key_required"
    assert customer.get("/v1/orders").json["data"] == []


@pytest.mark.parametrize(
    ("method", "goes_wrong", "order_status", "payment_status"),
    [
        ("pm_card_visa", False, "confirmed", "authorised"),
        ("pm_card_chargeDeclined", False, "cancelled", "failed"),
        ("pm_card_visa", True, "cancelled", "voided"),
    ],
)
def test_a_checkout_of_an_earlier_release_finds_its_payment(
    shop: Shop, customer: Any, method: str, goes_wrong: bool, order_status: str, payment_status: str
) -> None:
    """Its input names no payment, because an order had only one."""
    with transaction() as session:
        order = place_order(session, customer.user_id, {make_product("SHIRT", 10): 1}, method)
        assert order.run_id
        run = queries.get_run(session, order.run_id)
        run.input = {name: value for name, value in run.input.items() if name != "payment_id"}
        if goes_wrong:
            order.status = "cancelled"  # closed outside the checkout
    assert _task(customer, run.id)["status"] == ("succeeded" if order_status == "confirmed" else "cancelled")
    shown = customer.get(f"/v1/orders/{order.id}").json
    assert (shown["status"], shown["payment_status"]) == (order_status, payment_status)
    held = [intent["status"] for intent in shop.ledger() if intent["metadata"]["order_id"] == order.id]
    assert held == [{"voided": "canceled", "failed": "requires_payment_method"}.get(payment_status, "requires_capture")]
