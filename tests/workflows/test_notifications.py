"""Tests of templates, changed templates, and addresses that do not exist, with real workers and mails."""

import html
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from sqlalchemy import select

import durable
from durable import transitions
from durable.tables import RunRecord
from local.waiting import wait_until
from models import fulfilment, inventory, payments
from models.core.database import transaction
from models.notifications import unsubscribe_url
from tests.conftest import ADDRESS, PASSWORD
from tests.shop import Shop
from tests.shopping import confirm_address, place_order

TEMPLATE = "/v1/notification-templates/welcome/email/de"


def register(client: Any, name: str, domain: str = "example.org") -> Any:
    body = {
        "username": name, "email": f"{name}@{domain}", "password": PASSWORD, "first_name": name.title(),
        "last_name": "Tester", "address": ADDRESS, "language": "de",
    }  # fmt: skip
    answer = client.post("/v1/auth/register", json=body)
    assert answer.status_code == 201
    return answer.json


def deliveries(staff: Any, user_id: str, least: int = 1) -> list[dict[str, Any]]:
    """The user's notifications, at least so many, once all have ended. Each is composed by a run of its own."""

    def found() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = staff.get(f"/v1/notifications?user_id={user_id}").json["data"]
        return rows

    def have_ended() -> bool:
        rows = found()
        return len(rows) >= least and all(row["status"] != "pending" for row in rows)

    assert wait_until(have_ended, 60, 0.1), found()
    return found()


def subjects(shop: Shop, address: str) -> list[str]:
    return [mail["subject"] for mail in shop.mails() if mail["to"] == [address]]


def test_a_changed_template_is_tested_and_used(shop: Shop, client: Any, staff: Any) -> None:
    assert staff.patch(TEMPLATE, json={"subject": "Servus {{ first_name }}"}).status_code == 200
    body, headers = {"kind": "welcome", "language": "de"}, {"Idempotency-Key": "1", "Prefer": "wait=20"}
    tested = staff.post("/v1/notifications/test", json=body, headers=headers)
    assert (tested.status_code, tested.json["status"], tested.json["attempts"]) == (200, "sent", 1)
    assert subjects(shop, "staff@example.org") == ["Servus Ada"]
    confirm_address(register(client, "resi")["user"]["id"])
    assert wait_until(lambda: "Servus Resi" in subjects(shop, "resi@example.org"), 20, 0.1)


def test_an_address_that_does_not_exist_is_suppressed(
    shop: Shop, client: Any, staff: Any, sign_in: Callable[..., Any]
) -> None:
    user = register(client, "nobody", "gone.invalid")["user"]
    row = next(row for row in deliveries(staff, user["id"], 2) if row["status"] != "held")
    assert (row["kind"], row["status"], row["attempts"]) == ("confirm_address", "refused", 1)
    assert "550 5.1.1" in row["last_error"]
    (suppressed,) = staff.get("/v1/notifications/suppressions").json["data"]
    assert (suppressed["address"], suppressed["source"]) == ("nobody@gone.invalid", "refused")
    assert client.post("/v1/auth/password/forgot", json={"username": "nobody"}).status_code == 202
    assert len(deliveries(staff, user["id"], 3)) == 3  # mandatory mails are still tried


def test_a_mail_that_waits_for_the_server_shows_its_attempts(shop: Shop, client: Any, staff: Any) -> None:
    fault: dict[str, Any] = {"kind": "refuse", "times": 1}
    requests.post(f"{shop.mailbox.url}/sandbox/faults", json=fault, timeout=30).raise_for_status()
    user = register(client, "patient")["user"]

    def asking() -> dict[str, Any]:
        rows = staff.get(f"/v1/notifications?user_id={user['id']}").json["data"]
        return next((row for row in rows if row["kind"] == "confirm_address"), {"last_error": None})

    assert wait_until(lambda: bool(asking()["last_error"]), 20, 0.1)
    row = asking()
    assert (row["status"], row["attempts"]) == ("pending", 1)
    assert "451" in row["last_error"]
    assert wait_until(lambda: asking()["status"] != "pending", 20, 0.1)
    row = asking()
    assert (row["status"], row["attempts"], row["last_error"]) == ("sent", 2, None)


def test_an_unsubscribed_customer_gets_no_more_mails_of_the_kind(shop: Shop, client: Any, staff: Any) -> None:
    from models.notifications import kinds

    user = register(client, "quiet")["user"]
    confirm_address(user["id"])

    def welcomes() -> list[dict[str, Any]]:
        to_quiet = [mail for mail in shop.mails() if mail["to"] == ["quiet@example.org"]]
        return [mail for mail in to_quiet if "Bestätigen" not in mail["subject"]]

    assert wait_until(lambda: len(welcomes()) == 1, 20, 0.1)
    before, (page,) = deliveries(staff, user["id"]), welcomes()
    shown = requests.get(f"{shop.mailbox.url}/messages/{page['id']}", timeout=30).text
    link = unsubscribe_url(user["id"], kinds.WELCOME, "email")
    assert f"Diese E-Mails abbestellen: {link}" in shown
    assert client.post("/v1" + link.partition("/v1")[2]).status_code == 200
    with transaction() as session:
        from models.core import event_log
        from models.core.events import AccountRegistered

        event_log.emit(session, AccountRegistered(user_id=user["id"]))
    register(client, "louder")
    assert wait_until(lambda: bool(subjects(shop, "louder@example.org")), 20, 0.1)
    assert deliveries(staff, user["id"]) == before


def start(workflow: str, **about: object) -> None:
    with transaction() as session:
        durable.start(session, workflow, key="test", input=about)


def run_of(workflow: str, key: str) -> RunRecord:
    with transaction() as session:
        return session.scalars(select(RunRecord).where(RunRecord.workflow == workflow, RunRecord.key == key)).one()


def test_a_customer_is_reminded_of_a_payment_that_waits(shop: Shop, customer: Any, product: Callable[..., str]) -> None:
    with transaction() as session:
        placed = place_order(
            session,
            customer.user_id,
            {product("SHIRT", 5): 1},
            "pm_card_threeDSecure2Required",
            "https://shop.example/",
        )

    def payment() -> payments.Payment:
        with transaction() as session:
            return payments.get_payment(session, payments.find_first_payment(session, placed.id))

    assert wait_until(lambda: payment().status == "action_required", 20, 0.1)
    assert wait_until(lambda: run_of("action_needed", payment().id).status == "waiting", 20, 0.1)  # for five minutes
    start("action_needed", order_id=placed.id, payment_id=payment().id, remind_at="2026-01-01T00:00:00+00:00")
    subject = f"Please confirm the payment of your order {placed.number}"
    assert wait_until(lambda: subject in subjects(shop, "customer@example.org"), 20, 0.1)
    (mail,) = [mail for mail in shop.mails() if mail["subject"] == subject]
    page = requests.get(f"{shop.mailbox.url}/messages/{mail['id']}", timeout=30).text
    assert html.escape(f"Confirm the payment: {(payment().next_action or {})['url']}", quote=False) in page
    customer.post(f"/v1/orders/{placed.id}/cancel", json={}, headers={"Idempotency-Key": "c"})


def test_a_customer_is_told_of_a_late_parcel_and_of_a_failed_payment(
    shop: Shop, customer: Any, staff: Any, order: Callable[..., Any], product: Callable[..., str]
) -> None:
    shirt = product("SHIRT", 5)
    placed = order(customer, {shirt: 1}).json
    sent = staff.post(
        f"/v1/orders/{placed['id']}/fulfilments", json={"tracking_number": "1Z9"},
        headers={"Idempotency-Key": "f", "Prefer": "wait=20"},
    )  # fmt: skip
    assert sent.status_code == 200, sent.text
    late = f"A parcel of order {placed['number']} is late"
    start("delay_notice", parcel_id=sent.json["id"], order_id=placed["id"])
    assert late not in subjects(shop, "customer@example.org")
    assert wait_until(lambda: run_of("delay_notice", "test").status == "waiting", 20, 0.1)
    with transaction() as session:
        session.get_one(fulfilment.Parcel, sent.json["id"]).shipped_at = datetime.now(UTC) - timedelta(days=8)
        locked = transitions.lock(session, run_of("delay_notice", "test").id)
        assert locked is not None
        transitions.wake(session, locked)
    assert wait_until(lambda: late in subjects(shop, "customer@example.org"), 20, 0.1)
    declined = order(customer, {shirt: 1}, method="pm_card_chargeDeclinedInsufficientFunds")
    assert declined.status_code == 402
    kinds_sent = [row["kind"] for row in deliveries(staff, customer.user_id)]
    assert (kinds_sent.count("payment_failed"), kinds_sent.count("order_cancelled")) == (1, 0)


def test_a_customer_is_told_once_that_a_product_is_available_again(
    shop: Shop, sign_in: Callable[..., Any], product: Callable[..., str]
) -> None:
    def checked(slot: str) -> bool:
        return wait_until(lambda: run_of("back_in_stock_check", slot).status == "succeeded", 20, 0.1)

    customer, mug = sign_in("waiter"), product("MUG", 0)
    path = f"/v1/products/{mug}/back-in-stock"
    assert customer.post(path).status_code == customer.post(path).status_code == 204
    start("back_in_stock_check", slot="test")
    assert checked("test")
    assert subjects(shop, "waiter@example.org") == []
    with transaction() as session:
        inventory.adjust(session, mug, 2, "delivery")
    assert (customer.post(path).status_code, customer.post(path).json["code"]) == (409, "in_stock")
    for slot in ("one", "two"):
        with transaction() as session:
            durable.start(session, "back_in_stock_check", key=slot, input={"slot": slot})
        assert checked(slot)
    assert wait_until(lambda: bool(subjects(shop, "waiter@example.org")), 20, 0.1)
    assert subjects(shop, "waiter@example.org") == ["The MUG is available again"]
    assert customer.delete(path).status_code == 204
