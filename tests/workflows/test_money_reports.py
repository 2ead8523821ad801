"""What the gateway reports of refunds and disputes later, by real workers against the real sandbox gateway."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, text

import durable
from local.waiting import wait_until
from models import access, payments
from models.core.database import transaction
from models.notifications import Notification
from models.operations import audit
from models.operations.audit import Finding, Ledger, ProviderPayment
from settings import Settings
from tasks.gateways.payments.stripe import Stripe
from tests.shop import Shop
from tests.workflows.reporting import Gateway

WAIT = {"Prefer": "wait=20"}
PENDING, FAILING = "pm_card_pendingRefund", "pm_card_refundFail"


@pytest.fixture
def finance(sign_in: Callable[..., Any]) -> Any:
    caller = sign_in("finance")
    with transaction() as session:
        for role in ("finance", "staff"):
            access.grant(session, caller.user_id, role)
    return caller


@pytest.fixture
def buy(
    shop: Shop, finance: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> Callable[[str], dict[str, Any]]:
    """Confirms an order of two shirts at 19.99 with this payment method, and captures its payment."""
    shirt = product("SHIRT", 10)

    def buy(method: str) -> dict[str, Any]:
        placed: dict[str, Any] = order(customer, {shirt: 2}, method).json
        taken = finance.post(f"/v1/payments/{placed['payment_id']}/capture", json={}, headers=WAIT)
        assert taken.json["status"] == "captured", taken.json
        return placed

    return buy


@pytest.fixture
def gateway(shop: Shop, client: Any) -> Gateway:
    return Gateway(shop, client)


def refund(caller: Any, placed: dict[str, Any], **body: Any) -> Any:
    body = {"reason": "Torn", **body}
    return caller.post(f"/v1/payments/{placed['payment_id']}/refunds", json=body, headers=WAIT)


def pay(caller: Any, placed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"/v1/payments/{placed['payment_id']}").json
    return found


def of_kind(payment: dict[str, Any], kind: str) -> list[str]:
    return [one["status"] for one in payment["transactions"] if one["kind"] == kind]


def reference_of(payment: dict[str, Any], kind: str = "refund") -> str:
    return next(str(one["reference"]) for one in payment["transactions"] if one["kind"] == kind)


def notes(caller: Any, placed: dict[str, Any]) -> list[int]:
    listed = caller.get(f"/v1/orders/{placed['id']}/credit-notes").json["data"]
    return [note["amount"]["amount"] for note in listed]


def texts(placed: dict[str, Any], kind: str) -> list[str]:
    """The texts of the mails of this kind about an order."""
    query = select(Notification.text).where(
        Notification.kind == kind, Notification.sent_at.is_not(None), Notification.text.contains(placed["number"])
    )
    with transaction() as session:
        return list(session.scalars(query))


def check_audit(shop: Shop) -> dict[str, Finding]:
    """Fails on a broken invariant; returns all of them."""
    with transaction() as session:
        asked_at = session.scalars(select(func.clock_timestamp())).one()
        ours = set(payments.list_references(session, "stripe"))
    made = Stripe(Settings(gateway_port=shop.gateway.ports["http"])).list_since()
    known = [
        ProviderPayment(
            one.reference, one.order_id, one.payment_id, one.state, one.amount, one.currency, one.captured, one.refunded
        )
        for one in made
        if one.reference in ours
    ]
    with transaction() as session:
        found = {one.name: one for one in audit.audit(session, Ledger(asked_at, known))}
    assert [one for one in found.values() if not one.ok] == []
    return found


OWED = "refunds that have failed and were not repeated"


def test_a_pending_refund_is_on_its_way_and_succeeds_later(
    shop: Shop, finance: Any, customer: Any, gateway: Gateway, buy: Callable[[str], dict[str, Any]]
) -> None:
    placed = buy(PENDING)
    asked = refund(finance, placed, amount=1000)
    assert (asked.status_code, asked.json["status"], of_kind(asked.json, "refund")) == (200, "captured", ["pending"])
    assert (asked.json["refunded"]["amount"], asked.json["refundable"]["amount"]) == (0, 2998)
    assert notes(customer, placed) == [1000]
    (text,) = texts(placed, "refunded")
    assert "is on its way" in text
    assert "We have refunded" not in text
    check_audit(shop)
    reference = reference_of(asked.json)
    gateway.end_refund(reference, "succeeded")
    for event in gateway.events(asked.json["reference"], "refund.", "charge.refund."):
        gateway.post(event)
    paid = pay(finance, placed)
    assert (paid["status"], paid["refunded"]["amount"]) == ("partially_refunded", 1000)
    assert (len(texts(placed, "refunded")), texts(placed, "refund_failed")) == (1, [])
    check_audit(shop)


@pytest.mark.parametrize("method", [PENDING, FAILING])
def test_a_refund_that_fails_later_is_reopened_and_repeated(
    shop: Shop, finance: Any, customer: Any, gateway: Gateway, buy: Callable[[str], dict[str, Any]], method: str
) -> None:
    placed = buy(method)
    first = refund(finance, placed).json
    gateway.end_refund(reference_of(first), "failed")
    events = gateway.events(first["reference"], "refund.", "charge.refund.")
    for event in [*reversed(events), *events]:
        gateway.post(event)
    failed = pay(finance, placed)
    assert (failed["status"], of_kind(failed, "refund")) == ("captured", ["failed"])
    assert failed["transactions"][-1]["error"] == {"code": "refund_failed", "detail": "expired_or_canceled_card"}
    assert (failed["refunded"]["amount"], failed["refundable"]["amount"]) == (0, 3998)
    assert wait_until(lambda: len(texts(placed, "refund_failed")) == 1, 20, 0.05)
    assert check_audit(shop)[OWED].figures == {"orders": 1, "owed": 3998}
    again = refund(finance, placed).json
    assert (of_kind(again, "refund")[0], notes(customer, placed)) == ("failed", [3998])
    gateway.end_refund(again["transactions"][-1]["reference"], "failed")
    gateway.post(gateway.events(first["reference"], "refund.failed")[-1])
    assert of_kind(pay(finance, placed), "refund") == ["failed", "failed"]
    assert wait_until(lambda: len(texts(placed, "refund_failed")) == 2, 20, 0.05)
    assert check_audit(shop)[OWED].figures == {"orders": 1, "owed": 3998}


def test_a_cancellation_does_not_wait_for_a_pending_refund(
    shop: Shop, finance: Any, customer: Any, gateway: Gateway, buy: Callable[[str], dict[str, Any]]
) -> None:
    placed = buy(PENDING)
    refund(finance, placed, amount=1000)
    cancelled = customer.post(f"/v1/orders/{placed['id']}/cancel", json={}, headers=WAIT)
    assert (cancelled.status_code, cancelled.json["payment_status"]) == (200, "captured"), cancelled.json
    check_audit(shop)
    paid = pay(finance, placed)
    assert [one["amount"]["amount"] for one in paid["transactions"] if one["kind"] == "refund"] == [1000, 2998]
    first, second = (one["reference"] for one in paid["transactions"] if one["kind"] == "refund")
    gateway.end_refund(first, "succeeded")
    gateway.end_refund(second, "failed")
    gateway.post(gateway.events(paid["reference"], "refund.failed")[0])
    assert (pay(finance, placed)["status"], notes(customer, placed)) == ("partially_refunded", [1000, 2998])
    assert check_audit(shop)[OWED].figures == {"orders": 1, "owed": 2998}
    assert refund(finance, placed).status_code == 200
    assert notes(customer, placed) == [1000, 2998]
    assert check_audit(shop)[OWED].figures == {"orders": 0, "owed": 0}


@pytest.mark.parametrize("outcome", ["winning_evidence", "losing_evidence"])
def test_a_dispute_is_recorded_whatever_the_order_of_its_events(
    shop: Shop, finance: Any, customer: Any, gateway: Gateway, buy: Callable[[str], dict[str, Any]], outcome: str
) -> None:
    placed = buy("pm_card_visa")
    reference = pay(finance, placed)["reference"]
    dispute = gateway.dispute(reference)
    created = gateway.events(reference, "charge.dispute.")
    for event in [*reversed(created), *created]:
        gateway.post(event)
    disputed = pay(finance, placed)
    assert (disputed["status"], of_kind(disputed, "dispute")) == ("disputed", ["needs_response"])
    assert (disputed["refundable"]["amount"], reference_of(disputed, "dispute")) == (0, dispute)
    assert customer.get(f"/v1/orders/{placed['id']}").json["payment_status"] == "disputed"
    assert wait_until(
        lambda: "fraudulent" in str(texts(placed, "dispute_opened")) or texts(placed, "dispute_opened"), 20, 0.05
    )
    refused = refund(finance, placed)
    assert (refused.status_code, refused.json["code"]) == (409, "payment_disputed")
    cancelled = customer.post(f"/v1/orders/{placed['id']}/cancel", json={})
    assert (cancelled.status_code, cancelled.json["code"]) == (409, "payment_disputed")
    check_audit(shop)
    gateway.decide(dispute, outcome)
    for event in reversed(gateway.events(reference, "charge.dispute.")):
        gateway.post(event)
    won = outcome == "winning_evidence"
    settled = pay(finance, placed)
    expected = ("captured", ["won"]) if won else ("refunded", ["lost"])
    assert (settled["status"], of_kind(settled, "dispute")) == expected
    assert settled["refundable"]["amount"] == (3998 if won else 0)
    assert wait_until(lambda: len(texts(placed, "dispute_closed")) == 1, 20, 0.05)
    assert len(texts(placed, "dispute_opened")) == 1
    check_audit(shop)
    after = refund(finance, placed)
    assert (after.status_code, after.json.get("code")) == ((200, None) if won else (409, "amount_too_large"))
    check_audit(shop)


def test_a_dispute_whose_end_was_not_reported_is_found_by_the_follow_up(
    shop: Shop, finance: Any, gateway: Gateway, buy: Callable[[str], dict[str, Any]]
) -> None:
    placed = buy("pm_card_visa")
    reference = pay(finance, placed)["reference"]
    dispute = gateway.dispute(reference)
    gateway.post(gateway.events(reference, "charge.dispute.")[0])
    gateway.decide(dispute, "losing_evidence")  # the webhook is lost
    with transaction() as session:
        session.execute(text("UPDATE payments.transaction SET created_at = now() - interval '2 hours'"))
        durable.start(session, "payment_follow_up", key="now", input={"slot": "now"})
    assert wait_until(lambda: pay(finance, placed)["status"] == "refunded", 20, 0.05)
    assert of_kind(pay(finance, placed), "dispute") == ["lost"]
    check_audit(shop)


def test_a_report_about_a_payment_of_somebody_else_changes_nothing(shop: Shop, finance: Any, gateway: Gateway) -> None:
    about = {"object": "dispute", "id": "dp_1", "payment_intent": "pi_unknown"}
    gateway.post({"id": "evt_x", "object": "event", "type": "charge.dispute.created", "data": {"object": about}})
    assert finance.get("/v1/payments").json["data"] == []


def test_of_refunds_and_a_dispute_at_once_the_books_agree_with_the_gateway(
    shop: Shop, finance: Any, gateway: Gateway, buy: Callable[[str], dict[str, Any]]
) -> None:
    placed = buy("pm_card_visa")
    reference = pay(finance, placed)["reference"]

    def act(number: int) -> int:
        if number == 2:
            gateway.dispute(reference)
            for event in gateway.events(reference, "charge.dispute."):
                gateway.post(event)
            return 200
        return int(refund(finance, placed, amount=500).status_code)

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(act, range(6)))
    assert set(answers) <= {200, 409}
    paid = pay(finance, placed)
    assert paid["status"] == "disputed"
    assert paid["refunded"]["amount"] == 500 * of_kind(paid, "refund").count("succeeded")
    check_audit(shop)


def test_of_a_failed_refund_and_further_refunds_at_once_no_money_is_refunded_twice(
    shop: Shop, finance: Any, customer: Any, gateway: Gateway, buy: Callable[[str], dict[str, Any]]
) -> None:
    placed = buy("pm_card_visa")
    first = refund(finance, placed, amount=3000).json

    def act(number: int) -> int:
        if number == 2:
            gateway.end_refund(reference_of(first), "failed")
            for event in gateway.events(first["reference"], "refund."):
                gateway.post(event)
            return 200
        return int(refund(finance, placed, amount=998).status_code)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(act, range(8)))
    assert set(answers) <= {200, 409}
    paid = pay(finance, placed)
    given = of_kind(paid, "refund").count("succeeded")
    assert 1 <= given <= 4
    assert paid["refunded"]["amount"] == 998 * given
    assert max(3000, 998 * given) <= sum(notes(customer, placed)) <= 3998
    check_audit(shop)
