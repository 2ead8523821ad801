"""Returns by real workers: requested, decided, received, refunded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from local.waiting import wait_until
from models import access, inventory
from models.core.database import transaction
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}


@pytest.fixture
def packer(sign_in: Callable[..., Any]) -> Any:
    caller = sign_in("packer")
    with transaction() as session:
        access.grant(session, caller.user_id, "warehouse")
    return caller


@pytest.fixture
def shirt(product: Callable[..., str]) -> str:
    return product("SHIRT", 10)


@pytest.fixture
def delivered(shop: Shop, packer: Any, customer: Any, shirt: str, order: Callable[..., Any]) -> dict[str, Any]:
    """A delivered order of three shirts at 19.99."""
    placed: dict[str, Any] = order(customer, {shirt: 3}).json
    body = {"tracking_number": "1Z999"}
    parcel = packer.post(f"/v1/orders/{placed['id']}/fulfilments", json=body, headers=WAIT).json
    assert packer.post(f"/v1/fulfilments/{parcel['id']}/delivered").status_code == 200
    return placed


def request(caller: Any, order: dict[str, Any], quantity: int, product_id: str) -> Any:
    body = {"lines": [{"product_id": product_id, "quantity": quantity}], "reason": "Too small"}
    return caller.post(f"/v1/orders/{order['id']}/returns", json=body)


def receive(caller: Any, return_id: str, product_id: str, **units: int) -> Any:
    lines = [{"product_id": product_id, "quantity": n, "condition": condition} for condition, n in units.items()]
    return caller.post(f"/v1/returns/{return_id}/receive", json={"lines": lines}, headers=WAIT)


def on_hand(product_id: str) -> int:
    with transaction() as session:
        query = text("SELECT sum(on_hand) FROM inventory.stock WHERE product_id = :id")
        return int(session.execute(query, {"id": product_id.removeprefix("prd_")}).scalar_one())


def test_a_return_is_approved_received_refunded_and_credited(
    shop: Shop, packer: Any, customer: Any, shirt: str, delivered: dict[str, Any]
) -> None:
    asked = request(customer, delivered, 3, shirt)
    assert asked.status_code == 202, asked.json
    url = f"/v1/returns/{asked.json['return_id']}"
    assert customer.get(url).json["status"] == "requested"
    assert packer.post(f"{url}/approve").status_code == 202
    assert wait_until(lambda: "approved" in str(mails(shop, delivered)), 20, 0.1)
    done = receive(packer, asked.json["return_id"], shirt, resellable=2, damaged=1)
    assert (done.status_code, done.json["status"]) == (200, "refunded"), done.json
    assert done.json["refund"] == {"amount": 3 * 1999, "currency": "EUR"}
    assert on_hand(shirt) == 9
    seen = customer.get(f"/v1/orders/{delivered['id']}").json
    assert (seen["status"], seen["payment_status"]) == ("returned", "refunded")
    (note,) = customer.get(f"/v1/orders/{delivered['id']}/credit-notes").json["data"]
    assert (note["amount"]["amount"], note["lines"][0]["quantity"]) == (5997, 3)
    task = customer.get(f"/v1/tasks/{asked.json['task_id']}").json
    assert task["result"] == {
        "return_id": asked.json["return_id"], "order_id": delivered["id"], "status": "refunded", "refund": 5997,
        "credit_note_id": note["id"], "replacement_order_id": None,
    }  # fmt: skip
    assert wait_until(lambda: "received your return" in str(mails(shop, delivered)), 20, 0.1)


def mails(shop: Shop, order: dict[str, Any]) -> list[str]:
    return [mail["subject"] for mail in shop.mails() if f"order {order['number']}" in mail["subject"]]


def test_fewer_units_than_announced_are_refunded_as_received(
    shop: Shop, packer: Any, customer: Any, shirt: str, delivered: dict[str, Any]
) -> None:
    asked = request(customer, delivered, 2, shirt).json
    too_many = request(customer, delivered, 2, shirt)
    assert (too_many.status_code, too_many.json["code"]) == (409, "nothing_to_return")
    assert too_many.json["returnable"] == [{"product_id": shirt, "quantity": 1}]
    packer.post(f"/v1/returns/{asked['return_id']}/approve")
    done = receive(packer, asked["return_id"], shirt, resellable=1)
    assert (done.json["status"], done.json["refund"]["amount"]) == ("refunded", 1999)
    again = receive(packer, asked["return_id"], shirt, resellable=1)
    assert (again.status_code, again.json["code"]) == (409, "wrong_state")
    assert customer.get(f"/v1/orders/{delivered['id']}").json["status"] == "delivered"
    assert request(customer, delivered, 2, shirt).status_code == 202


def test_a_refused_return_changes_nothing(
    shop: Shop, packer: Any, customer: Any, other: Any, shirt: str, delivered: dict[str, Any]
) -> None:
    asked = request(customer, delivered, 1, shirt).json
    url = f"/v1/returns/{asked['return_id']}"
    assert other.get(url).status_code == 404
    refused = packer.post(f"{url}/refuse", json={"reason": "It was worn."}, headers=WAIT)
    assert (refused.json["status"], refused.json["refused_because"]) == ("refused", "It was worn.")
    assert wait_until(lambda: "refused" in str(mails(shop, delivered)), 20, 0.1)
    assert packer.post(f"{url}/approve").json["code"] == "wrong_state"
    assert on_hand(shirt) == 7
    assert request(customer, delivered, 3, shirt).status_code == 202


@pytest.fixture
def other(sign_in: Callable[..., Any]) -> Any:
    return sign_in("other")


def test_after_the_return_period_only_staff_can_request(
    shop: Shop, packer: Any, customer: Any, shirt: str, delivered: dict[str, Any]
) -> None:
    with transaction() as session:
        session.execute(text("UPDATE fulfilment.parcel SET delivered_at = now() - interval '15 days'"))
    late = request(customer, delivered, 1, shirt)
    assert (late.status_code, late.json["code"]) == (409, "return_period_over")
    assert request(packer, delivered, 1, shirt).status_code == 202


def test_concurrent_returns_of_the_same_units_are_refunded_once(
    shop: Shop, packer: Any, customer: Any, shirt: str, delivered: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(6) as threads:
        asked = list(threads.map(lambda _: request(customer, delivered, 3, shirt), range(6)))
        assert sorted(answer.status_code for answer in asked) == [202, *[409] * 5]
        (return_id,) = [answer.json["return_id"] for answer in asked if answer.status_code == 202]
        packer.post(f"/v1/returns/{return_id}/approve")
        came = list(threads.map(lambda _: receive(packer, return_id, shirt, resellable=3), range(6)))
    assert sorted(answer.status_code for answer in came) == [200, *[409] * 5]
    assert on_hand(shirt) == 10
    assert customer.get(f"/v1/orders/{delivered['id']}").json["payment_status"] == "refunded"


def mail_of_receipt() -> str:
    with transaction() as session:
        written = "SELECT coalesce(max(text), '') FROM notifications.notification WHERE kind = 'return_received'"
        return str(session.execute(text(written)).scalar_one())


def exchange(caller: Any, order: dict[str, Any], product_id: str, quantity: int, wanted: dict[str, int]) -> Any:
    body = {
        "lines": [{"product_id": product_id, "quantity": quantity}], "reason": "Too small",
        "exchange": [{"product_id": other, "quantity": units} for other, units in wanted.items()],
    }  # fmt: skip
    return caller.post(f"/v1/orders/{order['id']}/returns", json=body)


def test_an_exchange_places_a_replacement_and_refunds_the_rest(
    shop: Shop, packer: Any, customer: Any, shirt: str, product: Callable[..., str], delivered: dict[str, Any]
) -> None:
    hat = product("HAT", 5, 500)
    asked = exchange(customer, delivered, shirt, 1, {hat: 2})
    assert asked.status_code == 202, asked.json
    url = f"/v1/returns/{asked.json['return_id']}"
    assert [(line["sku"], line["quantity"]) for line in customer.get(url).json["exchange"]] == [("HAT", 2)]
    packer.post(f"{url}/approve")
    done = receive(packer, asked.json["return_id"], shirt, resellable=1).json
    assert (done["status"], done["refund"]["amount"]) == ("refunded", 1999 - 2 * 500)
    replacement = customer.get(f"/v1/orders/{done['replacement_order_id']}").json
    assert (replacement["status"], replacement["payment_status"], replacement["total"]["amount"]) == (
        "confirmed", "captured", 0,
    )  # fmt: skip
    assert (replacement["return_id"], replacement["lines"][0]["quantity"]) == (done["id"], 2)
    assert wait_until(lambda: f"replacement is order {replacement['number']}" in mail_of_receipt(), 20, 0.1)
    shipped = packer.post(f"/v1/orders/{replacement['id']}/fulfilments", json={"tracking_number": "2Z"}, headers=WAIT)
    assert (shipped.json["status"], on_hand(hat)) == ("shipped", 3), shipped.json
    task = customer.get(f"/v1/tasks/{asked.json['task_id']}?wait=20").json
    assert task["result"]["replacement_order_id"] == replacement["id"]
    other = exchange(customer, delivered, shirt, 1, {hat: 1}).json["return_id"]
    packer.post(f"/v1/returns/{other}/approve")
    given_up = receive(packer, other, shirt, resellable=1).json["replacement_order_id"]
    assert customer.post(f"/v1/orders/{given_up}/cancel", headers=WAIT).json["status"] == "cancelled"
    assert on_hand(hat) == 3


@pytest.mark.parametrize("reason", ["sold out", "fewer goods"])
def test_an_exchange_that_is_not_possible_any_more_refunds_everything(
    shop: Shop, packer: Any, customer: Any, shirt: str, product: Callable[..., str], delivered: dict[str, Any],
    reason: str,
) -> None:  # fmt: skip
    hat = product("HAT", 1, 1999)
    asked = exchange(customer, delivered, shirt, 2, {hat: 1 if reason == "sold out" else 2})
    packer.post(f"/v1/returns/{asked.json['return_id']}/approve")
    if reason == "sold out":
        with transaction() as session:
            inventory.adjust(session, hat, -1, "broken")
    done = receive(packer, asked.json["return_id"], shirt, resellable=2 if reason == "sold out" else 1).json
    assert done["replacement_order_id"] is None
    assert done["refund"]["amount"] == (3998 if reason == "sold out" else 1999)


def test_an_exchange_for_more_or_for_nothing_that_is_sold_is_refused(
    shop: Shop, customer: Any, shirt: str, product: Callable[..., str], delivered: dict[str, Any]
) -> None:
    refused = exchange(customer, delivered, shirt, 1, {product("COAT", 5, 2000): 1})
    assert (refused.status_code, refused.json["code"], refused.json["available"]) == (
        409, "exchange_too_expensive", 1999,
    )  # fmt: skip
    unknown = exchange(customer, delivered, shirt, 1, {"prd_" + "0" * 32: 1})
    assert (unknown.status_code, unknown.json["code"]) == (404, "not_found")
    assert exchange(customer, delivered, shirt, 1, {shirt: 0}).status_code == 422
