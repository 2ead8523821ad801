"""Payments that the customer has to confirm, 3-D Secure and PayPal, by real workers, gateways and webhooks."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text

from local.waiting import wait_until
from models.core.database import transaction
from tests import command
from tests.conftest import ADDRESS, Caller
from tests.ports import reserved_port
from tests.serving import serving
from tests.shop import Shop

THREE_D_SECURE = {"method": "pm_card_threeDSecure2Required", "return_url": "https://shop.example/return?cart=1"}
PAYPAL = {"provider": "paypal", "return_url": "https://shop.example/return"}


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Both gateways, their webhooks to an API, a worker and a dispatcher."""
    var = tmp_path_factory.mktemp("shop")
    with ExitStack() as exits:
        port = exits.enter_context(reserved_port())
        shop = Shop(var, exits, api_port=port, with_paypal=True)
        exits.enter_context(serving(var, **{**shop.environment, "SHOP_API_PORT": str(port)}))
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture
def check_out(customer: Caller, product: Callable[..., str]) -> Callable[..., Any]:
    """Orders two shirts; returns the response."""
    from models import carts

    def place(payment: dict[str, str], prefer: str = "wait=20", key: str = "key") -> Any:
        with transaction() as session:
            if not carts.view(session, customer.user_id).items:
                carts.add(session, customer.user_id, product("SHIRT", 10), 2)
        headers = {"Idempotency-Key": key, "Prefer": prefer}
        return customer.post("/v1/checkout", json={"address": ADDRESS, "payment": payment}, headers=headers)

    return place


def decide(accepted: Any, result: str = "succeeded", **more: str) -> str:
    """What the customer does on the page of the bank or PayPal; the URL to which they return."""
    answer = requests.post(accepted.json["next_action"]["url"], json={"result": result, **more}, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["redirect"])


def end_of(caller: Caller, accepted: Any) -> dict[str, Any]:
    """The order, once its checkout has ended."""
    task = caller.get(f"/v1/tasks/{accepted.json['task_id']}?wait=20").json
    assert task["status"] in ("succeeded", "cancelled"), task
    found: dict[str, Any] = caller.get(f"/v1/orders/{accepted.json['order_id']}").json
    return found


def broken_invariants(shop: Shop) -> list[str]:
    """What `shop audit` finds, but for the money that the gateways hold for earlier tests, whose orders are deleted."""
    found = command.shop(Path(os.environ["SHOP_VAR"]), "audit", "--json", **shop.environment)
    broken = [finding["name"] for finding in json.loads(found.stdout) if not finding["ok"]]
    return [name for name in broken if name != "the gateway holds no money without an order"]


def reserved() -> int:
    with transaction() as session:
        return int(session.execute(text("SELECT sum(reserved) FROM inventory.stock")).scalar_one())


@pytest.mark.parametrize("payment", [THREE_D_SECURE, PAYPAL], ids=["3-D Secure", "PayPal"])
def test_a_checkout_waits_for_its_customer_and_continues_at_the_webhook(
    shop: Shop, customer: Caller, check_out: Callable[..., Any], payment: dict[str, str]
) -> None:
    accepted = check_out(payment)
    assert (accepted.status_code, accepted.json["status"]) == (202, "waiting"), accepted.json
    assert accepted.json["next_action"]["type"] == "redirect"
    task = customer.get(f"/v1/tasks/{accepted.json['task_id']}").json
    assert (task["status"], task["next_action"]) == ("waiting", accepted.json["next_action"])
    order = customer.get(f"/v1/orders/{accepted.json['order_id']}").json
    assert (order["status"], order["payment_status"], reserved()) == ("pending", "action_required", 2)
    assert check_out(payment).json["next_action"] == task["next_action"]  # a repeated request finds the same
    assert decide(accepted).startswith(payment["return_url"])
    order = end_of(customer, accepted)
    assert (order["status"], order["payment_status"]) == ("confirmed", "authorised")
    detail = customer.get(f"/v1/payments/{order['payment_id']}").json
    assert [(one["kind"], one["status"]) for one in detail["transactions"]] == [("authorise", "succeeded")]
    assert "next_action" not in customer.get(f"/v1/tasks/{accepted.json['task_id']}").json
    assert broken_invariants(shop) == []


@pytest.mark.parametrize("payment", [THREE_D_SECURE, PAYPAL], ids=["3-D Secure", "PayPal"])
def test_a_payment_that_the_customer_gives_up_is_void_and_the_cart_can_be_checked_out_again(
    shop: Shop, customer: Caller, check_out: Callable[..., Any], payment: dict[str, str]
) -> None:
    accepted = check_out(payment)
    cancelled = customer.post(f"/v1/orders/{accepted.json['order_id']}/cancel", json={})
    assert (cancelled.status_code, cancelled.json["task_id"]) == (202, accepted.json["task_id"]), cancelled.json
    order = end_of(customer, accepted)
    assert (order["status"], order["reason"]["code"], reserved()) == ("cancelled", "cancelled_by_customer", 0)
    late = requests.post(accepted.json["next_action"]["url"], json={"result": "succeeded"}, timeout=30)
    again = check_out(payment, key="second")
    decide(again)
    assert end_of(customer, again)["status"] == "confirmed"
    if payment is THREE_D_SECURE:
        assert late.status_code == 409  # PayPal lets customers approve what nobody will authorise


def test_a_checkout_can_be_cancelled_at_any_time(shop: Shop, customer: Caller, check_out: Callable[..., Any]) -> None:
    accepted = check_out({"method": "pm_card_visa"}, prefer="")
    cancelled = customer.post(f"/v1/orders/{accepted.json['order_id']}/cancel", json={})
    assert cancelled.status_code == 202, cancelled.json
    customer.get(f"/v1/tasks/{cancelled.json['task_id']}?wait=20")  # the checkout's, or a cancellation's after it
    order = end_of(customer, accepted)
    assert order["status"] in ("cancelled", "confirmed")  # confirmed: just before the cancellation was noticed
    assert reserved() == (2 if order["status"] == "confirmed" else 0)
    assert broken_invariants(shop) == []


def test_a_customer_who_fails_to_confirm_is_declined(
    shop: Shop, customer: Caller, check_out: Callable[..., Any]
) -> None:
    accepted = check_out(THREE_D_SECURE)
    assert "redirect_status=failed" in decide(accepted, "failed")
    order = end_of(customer, accepted)
    assert (order["status"], order["reason"]["code"]) == ("cancelled", "payment_declined")
    payment = customer.get(f"/v1/payments/{order['payment_id']}").json
    assert payment["decline_code"] == "payment_intent_authentication_failure"
    (held,) = [held for held in shop.ledger() if held["metadata"]["order_id"] == order["id"]]
    assert (held["status"], reserved()) == ("canceled", 0)


def test_a_payment_that_nobody_confirms_is_void_after_the_deadline(
    shop: Shop, customer: Caller, check_out: Callable[..., Any]
) -> None:
    accepted = check_out(THREE_D_SECURE)
    expired = (
        """UPDATE payments.payment SET next_action = next_action || '{"expires_at": "2026-01-01T00:00:00+00:00"}'"""
    )
    with transaction() as session:
        session.execute(text(expired))
        session.execute(text("UPDATE workflow.run SET lease_until = now() WHERE status = 'waiting'"))
    order = end_of(customer, accepted)
    assert (order["status"], order["reason"]["code"], reserved()) == ("cancelled", "payment_declined", 0)
    payment = customer.get(f"/v1/payments/{order['payment_id']}").json
    assert (payment["decline_code"], payment["transactions"][-1]["kind"]) == ("action_expired", "authorise")
    assert requests.get(accepted.json["next_action"]["url"], timeout=30).status_code == 409
    assert broken_invariants(shop) == []


def test_a_declined_funding_source_cancels_the_order(
    shop: Shop, customer: Caller, check_out: Callable[..., Any]
) -> None:
    accepted = check_out(PAYPAL)
    decide(accepted, funding="declined")
    order = end_of(customer, accepted)
    assert (order["status"], order["reason"]["code"], reserved()) == ("cancelled", "payment_declined", 0)


def test_a_lost_webhook_delays_the_confirmation_only(
    shop: Shop, customer: Caller, check_out: Callable[..., Any]
) -> None:
    accepted = check_out(THREE_D_SECURE)
    with transaction() as session:  # the event counts as received, so it wakes nobody
        session.execute(text("CREATE RULE lost AS ON INSERT TO payments.webhook_event DO INSTEAD NOTHING"))
    try:
        decide(accepted)
        task = f"/v1/tasks/{accepted.json['task_id']}"
        assert wait_until(lambda: customer.get(task).json["status"] == "succeeded", 30)
    finally:
        with transaction() as session:
            session.execute(text("DROP RULE lost ON payments.webhook_event"))


@pytest.mark.parametrize(
    ("ends", "refunded", "status"), [("COMPLETED", 1000, "partially_refunded"), ("FAILED", 0, "captured")]
)
def test_a_refund_of_paypal_may_be_pending_for_days(
    shop: Shop, staff: Caller, customer: Caller, check_out: Callable[..., Any], ends: str, refunded: int, status: str
) -> None:
    accepted, wait = check_out(PAYPAL), {"Prefer": "wait=20"}
    decide(accepted, funding="echeck")
    place = f"/v1/payments/{end_of(customer, accepted)['payment_id']}"
    assert staff.post(f"{place}/capture", json={}, headers=wait).json["status"] == "captured"
    asked = staff.post(f"{place}/refunds", json={"amount": 1000, "reason": "Torn"}, headers=wait).json
    last = asked["transactions"][-1]
    assert (asked["status"], last["kind"], last["status"], asked["refunded"]["amount"]) == (
        "captured", "refund", "pending", 0,
    )  # fmt: skip
    assert asked["refundable"]["amount"] == 2998
    assert broken_invariants(shop) == []
    assert shop.paypal
    url = f"{shop.paypal.url}/sandbox/refunds/{last['reference']}/end"
    requests.post(url, json={"status": ends}, timeout=30).raise_for_status()
    told = "succeeded" if ends == "COMPLETED" else "failed"
    assert wait_until(lambda: staff.get(place).json["transactions"][-1]["status"] == told, 20, 0.05)
    paid = staff.get(place).json
    assert (paid["status"], paid["refunded"]["amount"]) == (status, refunded)
    assert requests.post(url, json={"status": ends}, timeout=30).status_code == 422
    assert broken_invariants(shop) == []


@pytest.mark.parametrize(
    "url", ["http://localhost:3000/back?cart=1", "https://[::1]:8443/", "https://xn--p1ai.example"]
)
def test_customers_return_to_any_web_page(shop: Shop, check_out: Callable[..., Any], url: str) -> None:
    accepted = check_out({**THREE_D_SECURE, "return_url": url})
    assert decide(accepted).startswith(url)


def test_a_return_url_is_optional(shop: Shop, customer: Caller, client: Any, check_out: Callable[..., Any]) -> None:
    accepted = check_out({"method": THREE_D_SECURE["method"]})
    back = decide(accepted)
    page = client.get(back.removeprefix("http://localhost"))
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert end_of(customer, accepted)["status"] == "confirmed"


@pytest.mark.parametrize(
    ("payment", "field"),
    [
        ({"provider": "paypal", "method": "pm_card_visa"}, "method"),
        ({"provider": "stripe"}, "method"),
        ({"provider": "cash", "method": "pm_card_visa"}, "provider"),
        *(
            ({"method": "pm_card_visa", "return_url": url}, "return_url")
            for url in (
                "",
                "javascript:alert(1)",
                "https://",
                "https://a b.example/",
                "https://user@a.example/",
                "https://a.example/#part",
                "https://a.example/\n",
                "ftp://a.example/",
            )
        ),
        ({"method": "pm_card_visa", "return_url": "https://a.example/" + "x" * 2000}, "return_url"),
    ],
)
def test_a_payment_that_makes_no_sense_is_refused(
    shop: Shop, check_out: Callable[..., Any], payment: dict[str, str], field: str
) -> None:
    refused = check_out(payment)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [f"payment.{field}"]), refused.json
