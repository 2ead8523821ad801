"""Pieces of orders that are cancelled while the rest is kept, by real workers against the real sandbox gateway."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from local.waiting import wait_until
from models.core.database import transaction
from models.operations import audit
from tests.faults.checks import audited
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}


@pytest.fixture
def shirt(product: Callable[..., str]) -> str:
    return product("SHIRT", 10)


@pytest.fixture
def hat(product: Callable[..., str]) -> str:
    return product("HAT", 5, price=500)


@pytest.fixture
def placed(shop: Shop, customer: Any, shirt: str, hat: str, order: Callable[..., Any]) -> dict[str, Any]:
    """A confirmed order of three shirts at 19.99 and a hat at 5.00."""
    answer = order(customer, {shirt: 3, hat: 1})
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


def cancel(caller: Any, order: dict[str, Any], lines: dict[str, int] | None = None, **headers: str) -> Any:
    body = {} if lines is None else {"lines": [{"product_id": p, "quantity": n} for p, n in lines.items()]}
    return caller.post(f"/v1/orders/{order['id']}/cancel", json=body, headers=headers)


def result(caller: Any, answer: Any) -> Any:
    """What the task of an accepted cancellation has returned."""
    assert answer.status_code == 202, answer.json
    task = caller.get(f"/v1/tasks/{answer.json['task_id']}?wait=20").json
    assert task["status"] == "succeeded", task
    return task["result"]


def ship(caller: Any, order: dict[str, Any], lines: dict[str, int] | None = None) -> Any:
    body: dict[str, Any] = {"tracking_number": "1Z999"}
    if lines is not None:
        body["lines"] = [{"product_id": product, "quantity": n} for product, n in lines.items()]
    return caller.post(f"/v1/orders/{order['id']}/fulfilments", json=body, headers=WAIT)


def reserved(product_id: str) -> int:
    with transaction() as session:
        query = text("SELECT sum(reserved) FROM inventory.stock WHERE product_id = :id")
        return int(session.execute(query, {"id": product_id.removeprefix("prd_")}).scalar_one())


def broken(shop: Shop) -> list[audit.Finding]:
    """The invariants that do not hold. The gateway also remembers the orders of earlier tests."""
    others = "the gateway holds no money without an order"
    return [finding for finding in audited(shop) if not finding.ok and finding.name != others]


def taken(shop: Shop, order: dict[str, Any]) -> tuple[int, int]:
    """What the gateway has captured and refunded for the order."""
    (intent,) = [held for held in shop.ledger() if held["metadata"]["order_id"] == order["id"]]
    refunds = [
        one["amount"] for one in intent["operations"] if one["kind"] == "refund" and one["status"] == "succeeded"
    ]
    return intent["amount_received"], sum(refunds)


def test_pieces_cancelled_before_shipment_are_never_captured(
    shop: Shop, customer: Any, staff: Any, placed: dict[str, Any], shirt: str, hat: str
) -> None:
    done = result(customer, cancel(customer, placed, {shirt: 2}))
    (note,) = customer.get(f"/v1/orders/{placed['id']}/credit-notes").json["data"]
    assert done == {
        "order_id": placed["id"], "refunded": 0, "voided": 3998, "restocked": 2, "credit_note_id": note["id"],
    }  # fmt: skip
    assert (note["amount"]["amount"], [(line["sku"], line["quantity"]) for line in note["lines"]]) == (
        3998, [("SHIRT", 2)],
    )  # fmt: skip
    assert (reserved(shirt), reserved(hat)) == (1, 1)
    seen = customer.get(f"/v1/orders/{placed['id']}").json
    assert (seen["status"], [line["cancelled"] for line in seen["lines"]]) == ("confirmed", [0, 2])
    assert wait_until(lambda: any("A part of your order" in mail["subject"] for mail in shop.mails()), 20, 0.1)
    too_much = staff.post(f"/v1/payments/{placed['payment_id']}/capture", json={"amount": 2500}, headers=WAIT)
    assert (too_much.status_code, too_much.json["available"]) == (409, 2499)
    assert ship(staff, placed).json["status"] == "shipped"
    assert taken(shop, placed) == (2499, 0)
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "shipped"
    assert broken(shop) == []


def test_pieces_cancelled_after_a_first_parcel_are_refunded_and_the_order_moves_on(
    shop: Shop, customer: Any, staff: Any, placed: dict[str, Any], shirt: str, hat: str
) -> None:
    parcel = ship(staff, placed, {shirt: 1}).json
    refused = cancel(customer, placed, {hat: 1})
    assert (refused.status_code, refused.json["code"]) == (409, "wrong_state")
    too_many = cancel(staff, placed, {shirt: 3})
    assert (too_many.status_code, too_many.json["code"]) == (409, "nothing_to_cancel")
    assert {(line["product_id"], line["quantity"]) for line in too_many.json["open"]} == {(shirt, 2), (hat, 1)}
    first = result(staff, cancel(staff, placed, {shirt: 1}))
    assert (first["refunded"], first["voided"], first["restocked"]) == (1999, 0, 1)
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "processing"
    rest = result(staff, cancel(staff, placed))
    assert (rest["refunded"], rest["restocked"]) == (2499, 2)
    assert taken(shop, placed) == (6497, 4498)
    assert (reserved(shirt), reserved(hat)) == (0, 0)
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "shipped"
    assert staff.post(f"/v1/fulfilments/{parcel['id']}/delivered").status_code == 200
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "delivered"
    assert broken(shop) == []


def test_the_last_pieces_cancel_the_order_as_a_whole(
    shop: Shop, customer: Any, placed: dict[str, Any], shirt: str, hat: str
) -> None:
    result(customer, cancel(customer, placed, {shirt: 3}))
    done = result(customer, cancel(customer, placed, {hat: 1}))
    assert (done["voided"], done["restocked"]) == (6497, 1)
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "cancelled"
    notes = customer.get(f"/v1/orders/{placed['id']}/credit-notes").json["data"]
    assert [(note["amount"]["amount"], note["lines"][0]["quantity"]) for note in notes] == [(5997, 3), (500, 1)]
    assert broken(shop) == []


def test_an_order_whose_parcels_are_delivered_is_delivered_once_the_rest_is_cancelled(
    shop: Shop, customer: Any, staff: Any, placed: dict[str, Any], shirt: str
) -> None:
    parcel = ship(staff, placed, {shirt: 3}).json
    staff.post(f"/v1/fulfilments/{parcel['id']}/delivered")
    result(staff, cancel(staff, placed))
    changes = customer.get(f"/v1/orders/{placed['id']}/history").json["data"]
    assert [change["to"] for change in changes][-3:] == ["processing", "shipped", "delivered"]


def test_nothing_is_cancelled_by_a_bad_request(
    customer: Any, staff: Any, placed: dict[str, Any], shirt: str, hat: str
) -> None:
    twice = [{"product_id": hat, "quantity": 1}] * 2
    url = f"/v1/orders/{placed['id']}/cancel"
    for lines in ([], twice, [{"product_id": hat, "quantity": 0}], [{"product_id": hat}], "all"):
        assert customer.post(url, json={"lines": lines}).status_code == 422, lines
    unknown = cancel(customer, placed, {"prd_" + 32 * "0": 1})
    assert (unknown.status_code, unknown.json["code"]) == (409, "nothing_to_cancel")
    assert (reserved(shirt), reserved(hat)) == (3, 1)
    ship(staff, placed)
    assert cancel(staff, placed).json["code"] == "wrong_state"


def test_of_shipping_cancelling_and_refunding_the_same_pieces_at_once_the_books_agree(
    shop: Shop, customer: Any, staff: Any, placed: dict[str, Any], shirt: str, hat: str
) -> None:
    def act(number: int) -> Any:
        if number % 4 == 0:
            return ship(staff, placed, {shirt: 2})
        if number % 4 == 1:
            return cancel(staff, placed, {shirt: 2}, **WAIT)
        if number % 4 == 2:
            return cancel(staff, placed, {hat: 1}, **WAIT)
        body = {"amount": 100, "reason": "Late."}
        return staff.post(f"/v1/payments/{placed['payment_id']}/refunds", json=body, headers=WAIT)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(act, range(12)))
    assert {answer.status_code for answer in answers} <= {200, 409}, [answer.json for answer in answers]
    won = [answer.status_code == 200 for answer in answers]
    assert sum(won[0::4]) + sum(won[1::4]) == 1  # three shirts: the second pair is refused
    assert sum(won[2::4]) == 1
    lines = {line["sku"]: line["cancelled"] for line in customer.get(f"/v1/orders/{placed['id']}").json["lines"]}
    assert lines == {"SHIRT": 2 * sum(won[1::4]), "HAT": 1}
    captured, refunded = taken(shop, placed)
    gone = 100 * sum(won[3::4]) + sum(lines[sku] * price for sku, price in (("SHIRT", 1999), ("HAT", 500)))
    assert not captured or captured - refunded == 6497 - gone
    assert broken(shop) == []
