"""Captures, refunds and cancellations of confirmed orders, by real workers against the real sandbox gateway."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from models import access
from models.core.database import transaction
from tests.shop import Shop


@pytest.fixture
def finance(sign_in: Callable[..., Any]) -> Any:
    caller = sign_in("finance")
    with transaction() as session:
        access.grant(session, caller.user_id, "finance")
        access.grant(session, caller.user_id, "staff")
    return caller


@pytest.fixture
def placed(shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]) -> dict[str, Any]:
    """A confirmed order of two shirts at 19.99."""
    answer = order(customer, {product("SHIRT", 10): 2})
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


WAIT = {"Prefer": "wait=20"}


def capture(caller: Any, placed: dict[str, Any], **body: Any) -> Any:
    return caller.post(f"/v1/payments/{placed['payment_id']}/capture", json=body, headers=WAIT)


def refund(caller: Any, placed: dict[str, Any], **body: Any) -> Any:
    answer = caller.post(f"/v1/payments/{placed['payment_id']}/refunds", json=body, headers=WAIT)
    return answer


def intent(shop: Shop, placed: dict[str, Any]) -> dict[str, Any]:
    (found,) = [held for held in shop.ledger() if held["metadata"]["order_id"] == placed["id"]]
    return found


def test_a_payment_is_captured_and_refunded_in_parts(
    shop: Shop, finance: Any, customer: Any, placed: dict[str, Any]
) -> None:
    taken = capture(finance, placed)
    assert (taken.status_code, taken.json["status"]) == (200, "captured"), taken.json
    assert [(t["kind"], t["status"]) for t in taken.json["transactions"]] == [
        ("authorise", "succeeded"), ("capture", "succeeded"),
    ]  # fmt: skip
    assert intent(shop, placed)["amount_received"] == 3998
    half = refund(finance, placed, amount=1999, reason="One shirt was torn.")
    assert (half.status_code, half.json["status"], half.json["refundable"]["amount"]) == (
        200,
        "partially_refunded",
        1999,
    )
    rest = refund(finance, placed, amount={"amount": 1999, "currency": "EUR"}, reason="So was the other.")
    assert (rest.json["status"], rest.json["refunded"]["amount"]) == ("refunded", 3998)
    notes = customer.get(f"/v1/orders/{placed['id']}/credit-notes").json["data"]
    assert [note["amount"]["amount"] for note in notes] == [1999, 1999]
    assert [note["number"][-7:] for note in notes] == ["-000001", "-000002"]
    mails = [mail["subject"] for mail in shop.mails() if placed["number"] in mail["subject"]]
    assert mails.count(f"Refund for your order {placed['number']}") == 2


def test_more_than_is_left_is_refused(shop: Shop, finance: Any, placed: dict[str, Any]) -> None:
    before = refund(finance, placed, reason="Nothing was captured yet.")
    assert (before.status_code, before.json["code"]) == (409, "wrong_state")
    too_much = capture(finance, placed, amount=3999)
    assert (too_much.status_code, too_much.json["code"], too_much.json["available"]) == (409, "amount_too_large", 3998)
    part = capture(finance, placed, amount=3000)
    assert (part.json["status"], part.json["captured"]["amount"]) == ("partially_captured", 3000)
    again = capture(finance, placed, amount=998)
    assert (again.status_code, again.json["code"]) == (409, "wrong_state")
    too_much = refund(finance, placed, amount=3001, reason="Too much.")
    assert (too_much.status_code, too_much.json["available"]) == (409, 3000)


def test_a_capture_that_the_gateway_refuses_ends_its_task_and_staff_are_notified(
    shop: Shop, finance: Any, placed: dict[str, Any]
) -> None:
    lapse = f"{shop.gateway.url}/sandbox/payment_intents/{intent(shop, placed)['id']}/lapse"
    requests.post(lapse, timeout=30).raise_for_status()
    refused = capture(finance, placed)
    assert (refused.status_code, refused.json["code"]) == (409, "payment_refused"), refused.json
    paid = finance.get(f"/v1/payments/{placed['payment_id']}").json
    assert (paid["status"], [one["status"] for one in paid["transactions"]]) == ("authorised", ["succeeded", "failed"])
    mails = [mail["subject"] for mail in shop.mails()]
    assert f"A capture for order {placed['number']} was refused" in mails


def test_of_many_captures_and_refunds_at_once_no_money_moves_twice(
    shop: Shop, finance: Any, placed: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(lambda _: capture(finance, placed), range(6)))
        assert sorted(answer.status_code for answer in taken) == [200, *[409] * 5]
        given = list(threads.map(lambda _: refund(finance, placed, amount=1500, reason="Twice."), range(6)))
    assert sorted(answer.status_code for answer in given) == [200, 200, *[409] * 4]
    assert sum(o["amount"] for o in intent(shop, placed)["operations"] if o["kind"] == "refund") == 3000


@pytest.mark.parametrize("captured", [False, True])
def test_a_confirmed_order_is_cancelled_by_its_customer(
    shop: Shop, finance: Any, customer: Any, placed: dict[str, Any], captured: bool
) -> None:
    if captured:
        capture(finance, placed)
    answer = customer.post(f"/v1/orders/{placed['id']}/cancel", json={"reason": "Too late."}, headers=WAIT)
    assert (answer.status_code, answer.json["status"]) == (200, "cancelled"), answer.json
    assert answer.json["payment_status"] == ("refunded" if captured else "voided")
    assert answer.json["reason"] == {"code": "cancelled_by_customer", "detail": "Too late."}
    assert intent(shop, placed)["status"] == ("succeeded" if captured else "canceled")
    (note,) = customer.get(f"/v1/orders/{placed['id']}/credit-notes").json["data"]
    assert (note["amount"]["amount"], [line["quantity"] for line in note["lines"]]) == (3998, [2])
    changes = customer.get(f"/v1/orders/{placed['id']}/history").json["data"]
    assert [(change["from"], change["to"], change["by"]) for change in changes] == [
        (None, "pending", customer.user_id), ("pending", "confirmed", "checkout"),
        ("confirmed", "cancelled", customer.user_id),
    ]  # fmt: skip
    again = customer.post(f"/v1/orders/{placed['id']}/cancel", json={})
    assert (again.status_code, again.json["code"], again.json["possible"]) == (409, "wrong_state", [])


def test_a_customer_cannot_cancel_what_is_being_processed(
    shop: Shop, finance: Any, customer: Any, placed: dict[str, Any]
) -> None:
    url = f"/v1/orders/{placed['id']}"
    changed = finance.patch(url, json={"status": "processing", "note": "Fragile", "tags": ["b", "a", "b"]})
    assert (changed.json["status"], changed.json["note"], changed.json["tags"]) == ("processing", "Fragile", ["a", "b"])
    assert {"note", "tags"}.isdisjoint(customer.get(url).json)
    refused = customer.post(f"{url}/cancel", json={})
    assert (refused.status_code, refused.json["code"], refused.json["current"]) == (409, "wrong_state", "processing")
    backwards = finance.patch(url, json={"status": "pending"})
    assert (backwards.status_code, backwards.json["possible"]) == (409, ["shipped", "cancelled"])
    assert finance.post(f"{url}/cancel", json={}, headers=WAIT).json["status"] == "cancelled"


def test_only_one_of_capture_and_cancellation_at_once_wins(
    shop: Shop, finance: Any, customer: Any, placed: dict[str, Any]
) -> None:
    def act(number: int) -> Any:
        if number % 2:
            return capture(finance, placed)
        return customer.post(f"/v1/orders/{placed['id']}/cancel", json={}, headers=WAIT)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(act, range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}, [answer.json for answer in answers]
    found = intent(shop, placed)
    assert found["status"] == "canceled" or found["amount_received"] == sum(
        o["amount"] for o in found["operations"] if o["kind"] == "refund"
    )
    assert customer.get(f"/v1/orders/{placed['id']}").json["payment_status"] in ("voided", "refunded")
