"""Authorisations that lapse, with real workers and the sandbox gateway."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe
from sqlalchemy import func, select, text

import durable
from durable.tables import RunRecord
from local.waiting import wait_until
from models.core.database import transaction
from models.notifications import Notification
from settings import settings
from tests.shop import Shop


@pytest.fixture
def placed(shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]) -> dict[str, Any]:
    """A confirmed order."""
    found: dict[str, Any] = order(customer, {product("SHIRT", 10): 1}).json
    return found


def lapse(shop: Shop, reference: str) -> None:
    url = f"{shop.gateway.url}/sandbox/payment_intents/{reference}/lapse"
    requests.post(url, timeout=30).raise_for_status()


def payment(staff: Any, placed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = staff.get(f"/v1/payments/{placed['payment_id']}").json
    return found


def find_expiring(slot: str) -> None:
    with transaction() as session:
        durable.start(session, "expiring_authorisations", key=slot, input={"slot": slot})
    all_end()


def all_end() -> None:
    def live() -> int:
        with transaction() as session:
            return session.scalars(select(func.count()).where(RunRecord.finished_at.is_(None))).one()

    assert wait_until(lambda: live() == 0, 60, 0.1)


def age(days: float) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE payments.payment SET created_at = created_at - make_interval(secs => :s)"), {"s": days * 86400}
        )


def subjects() -> list[str]:
    """The subjects of the mails about authorisations that end."""
    query = select(Notification.subject).where(
        Notification.kind == "authorisation_ends", Notification.sent_at.is_not(None)
    )
    with transaction() as session:
        return list(session.scalars(query.order_by(Notification.id)))


def flags(staff: Any, placed: dict[str, Any]) -> list[str]:
    """The order's tags; each has one entry in the history."""
    changes = staff.get(f"/v1/orders/{placed['id']}/history").json["data"]
    noted = [change for change in changes if change["from"] == change["to"]]
    tags: list[str] = staff.get(f"/v1/orders/{placed['id']}").json["tags"]
    assert [change["by"] for change in noted] == ["payments"] * len(tags)
    return tags


def test_an_order_whose_payment_will_lapse_is_flagged_once(shop: Shop, staff: Any, placed: dict[str, Any]) -> None:
    find_expiring("2026-11-29T10")
    assert (flags(staff, placed), subjects()) == ([], [])
    age(6.5)
    for slot in ("2026-11-29T11", "2026-11-29T12", "2026-11-30T11"):
        find_expiring(slot)
    assert flags(staff, placed) == ["authorisation-expiring"]
    assert subjects() == [f"The payment of order {placed['number']} will lapse"]
    assert payment(staff, placed)["status"] == "authorised"


def test_a_lapse_of_which_no_event_has_come_is_found(shop: Shop, staff: Any, placed: dict[str, Any]) -> None:
    age(7.5)
    lapse(shop, payment(staff, placed)["reference"])
    find_expiring("2026-11-29T11")
    assert flags(staff, placed) == ["authorisation-lapsed"]
    assert subjects() == [f"The payment of order {placed['number']} has lapsed"]


def test_a_captured_payment_and_a_cancelled_order_are_left_alone(
    shop: Shop, staff: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT", 10)
    captured, cancelled = (order(customer, {shirt: 1}).json for _ in range(2))
    wait = {"Prefer": "wait=20"}
    assert staff.post(f"/v1/payments/{captured['payment_id']}/capture", headers=wait).status_code == 200
    assert staff.post(f"/v1/orders/{cancelled['id']}/cancel", json={}, headers=wait).status_code == 200
    age(7.5)
    find_expiring("2026-11-29T11")
    assert (flags(staff, captured), flags(staff, cancelled), subjects()) == ([], [], [])


def send_event(client: Any, event_id: str, reference: str) -> None:
    body = (
        f'{{"id": "{event_id}", "object": "event", "type": "payment_intent.canceled", "data": {{"object": '
        f'{{"object": "payment_intent", "id": "{reference}", "metadata": {{}}}}}}}}'
    )
    signed = stripe.WebhookSignature.generate_signature_header(body, settings.stripe_webhook_secret)
    answer = client.post(
        "/v1/webhooks/payments", data=body, headers={"Stripe-Signature": signed}, content_type="application/json"
    )
    assert answer.status_code == 204, answer.json


def test_a_lapse_that_the_gateway_reports_voids_the_payment_and_flags_the_order(
    shop: Shop, staff: Any, client: Any, placed: dict[str, Any]
) -> None:
    reference = payment(staff, placed)["reference"]
    send_event(client, "evt_early", reference)  # not taken at its word
    all_end()
    assert (flags(staff, placed), payment(staff, placed)["status"]) == ([], "authorised")
    lapse(shop, reference)
    for event in ("evt_1", "evt_1", "evt_2"):
        send_event(client, event, reference)
    all_end()
    found = payment(staff, placed)
    assert (found["status"], flags(staff, placed)) == ("voided", ["authorisation-lapsed"])
    assert [(t["kind"], (t["error"] or {}).get("code")) for t in found["transactions"]] == [
        ("authorise", None), ("void", "authorisation_lapsed"),
    ]  # fmt: skip
    assert subjects() == [f"The payment of order {placed['number']} has lapsed"]
    refused = staff.post(f"/v1/payments/{placed['payment_id']}/capture")
    assert (refused.status_code, refused.json["code"]) == (409, "wrong_state")
