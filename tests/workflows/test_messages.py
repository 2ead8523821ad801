"""Text messages and push notifications, with real workers, an SMS provider and a push service."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from durable.ids import new_id
from durable.tables import RunRecord
from local.waiting import wait_until
from models import accounts, notifications
from models.accounts import devices
from models.core.database import transaction
from models.notifications import contexts, kinds
from settings import Settings
from tests.reaching import NUMBER, add_device, add_phone, arrived, subscribe, text_of
from tests.shop import Shop

UNREACHABLE = "+15005550009"


def inject(shop: Shop, kind: str, times: int = 1) -> None:
    answer = requests.post(f"{shop.mailbox.url}/sandbox/faults", json={"kind": kind, "times": times}, timeout=30)
    assert answer.status_code == 201


def log_of(caller: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = caller.get("/v1/notifications").json["data"]
    return rows


def ended(caller: Any, channel: str, count: int = 1) -> list[dict[str, Any]]:
    """The caller's notifications of a channel, once there are this many and all have ended."""

    def found() -> list[dict[str, Any]]:
        return [row for row in log_of(caller) if row["channel"] == channel and row["status"] != "pending"]

    assert wait_until(lambda: len(found()) == count, 20, 0.1), log_of(caller)
    return found()


def start(user_id: str, channel: str, recipient: str, device_id: str | None = None) -> str:
    """Starts a run that sends one message to a user."""
    context: contexts.BackInStock = {"first_name": "Ada", "title": "Emma", "sku": "BOOK-EMMA"}
    with transaction() as session:
        return notifications.start_message(
            session, kinds.BACK_IN_STOCK, context, about=new_id("evt"), channel=channel, recipient=recipient,
            language="en", user_id=user_id, device_id=device_id,
        )  # fmt: skip


def test_a_confirmed_order_is_told_by_the_chosen_channels(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    add_phone(customer.user_id)
    add_device(customer.user_id, subscribe(shop.mailbox.url))
    add_device(customer.user_id, subscribe(shop.mailbox.url))
    assert customer.patch("/v1/me", json={"language": "de"}).status_code == 200
    preferences = {"order_confirmed": {"sms": True}}
    assert customer.patch("/v1/me/preferences", json=preferences).status_code == 200
    number = order(customer, {product("SHIRT", 5): 1}).json["number"]
    (text,) = ended(customer, "sms")
    assert (text["recipient"], text["status"], text["attempts"], text["last_error"]) == (NUMBER, "sent", 1, None)
    pushes = ended(customer, "push", 2)
    assert {(row["kind"], row["status"], row["subject"]) for row in pushes} == {
        ("order_confirmed", "sent", f"Bestellung {number} ist bestätigt")
    }
    (message,) = arrived(shop, "text")
    assert (message["to"], message["deliveries"]) == ([NUMBER], 1)
    assert "Shopflow: Bestellung" in text_of(shop, message)
    assert "19,99" in text_of(shop, message)
    assert len([push for push in arrived(shop, "push") if push["subject"] == pushes[0]["subject"]]) == 2


def test_a_customer_without_phone_and_device_causes_no_further_run(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    assert order(customer, {product("SHIRT", 5): 1}).status_code == 201
    with transaction() as session:
        assert session.query(RunRecord).filter(RunRecord.workflow.in_(("text_message", "push_message"))).all() == []


def test_a_number_is_verified_by_the_code_of_a_text_message(shop: Shop, customer: Any) -> None:
    headers = {"Prefer": "wait=20"}
    answer = customer.put("/v1/me/phone", json={"number": "+49 151 23456780"}, headers=headers)
    assert (answer.status_code, answer.json["verified_at"]) == (200, None)
    with transaction() as session:
        run_id = accounts.get_phone(session, customer.user_id).code_of
    task = customer.get(f"/v1/tasks/{run_id}").json
    assert task["status"] == "succeeded"
    message = next(one for one in arrived(shop, "text") if one["to"] == ["+4915123456780"])
    code = re.findall(r"\b\d{6}\b", message["subject"])[0]
    wrong = customer.post("/v1/me/phone/verify", json={"code": f"{(int(code) + 1) % 10**6:06}"})
    assert (wrong.status_code, wrong.json["code"], wrong.json["attempts_left"]) == (422, "code_incorrect", 4)
    verified = customer.post("/v1/me/phone/verify", json={"code": code})
    assert verified.json["verified_at"] is not None
    (row,) = ended(customer, "sms")
    assert (row["kind"], row["status"]) == ("phone_code", "sent")
    assert code not in str(log_of(customer))
    assert code not in str(task)
    with transaction() as session:
        stored = session.connection().exec_driver_sql("SELECT request::text FROM workflow.step").scalars().all()
    assert not any(code in (request or "") for request in stored)


def test_a_number_that_is_refused_is_suppressed_until_it_is_verified(shop: Shop, customer: Any, staff: Any) -> None:
    add_phone(customer.user_id, UNREACHABLE)
    start(customer.user_id, "sms", UNREACHABLE)
    (row,) = ended(customer, "sms")
    assert (row["status"], row["last_error"]) == ("refused", "The SMS provider refused the message: HTTP 400")
    (suppressed,) = staff.get("/v1/notifications/suppressions").json["data"]
    assert (suppressed["address"], suppressed["source"]) == (UNREACHABLE, "refused")
    with transaction() as session:
        assert accounts.find_ways(session, customer.user_id, kinds.ORDER_SHIPPED) == []
        accounts.remove_phone(session, customer.user_id)
        run_id = accounts.set_phone(session, customer.user_id, UNREACHABLE)
        assert accounts.verify_phone(session, customer.user_id, accounts.derive_code(run_id)).verified
        assert len(accounts.find_ways(session, customer.user_id, kinds.ORDER_SHIPPED)) == 1


def test_a_message_waits_for_its_provider_and_a_mail_does_not(shop: Shop, client: Any, customer: Any) -> None:
    inject(shop, "sms_down", 2)
    add_phone(customer.user_id)
    start(customer.user_id, "sms", NUMBER)
    assert wait_until(lambda: any(row["last_error"] for row in log_of(customer)), 20, 0.1)
    (waiting,) = log_of(customer)
    assert (waiting["status"], waiting["last_error"]) == (
        "pending", "No SMS provider has accepted the message (provider 1: HTTP 503)",
    )  # fmt: skip
    assert client.post("/v1/auth/password/forgot", json={"username": "customer"}).status_code == 202
    assert ended(customer, "email")[0]["status"] == "sent"
    (row,) = ended(customer, "sms")
    assert (row["status"], row["last_error"]) == ("sent", None)
    assert row["attempts"] > 1


def test_a_device_is_tested_and_is_removed_when_its_subscription_has_ended(
    shop: Shop, customer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "settings", Settings(push_allow_private=True))
    key = customer.get("/v1/push-key").json["public_key"]
    subscription = subscribe(shop.mailbox.url, key)
    added = customer.post("/v1/me/devices", json={"type": "web_push", "subscription": subscription})
    assert (added.status_code, added.json["verified"]) == (201, False)
    path = f"/v1/me/devices/{added.json['id']}"
    tested = customer.post(f"{path}/test", headers={"Prefer": "wait=20"})
    assert (tested.status_code, tested.json["verified"]) == (200, True)
    push = arrived(shop, "push")[0]
    assert (push["subject"], push["to"]) == ("Notifications work", [f"browser {subscription['endpoint'][-32:][:8]}"])
    assert requests.delete(subscription["endpoint"], timeout=30).status_code == 204
    start(customer.user_id, "push", "127.0.0.1", added.json["id"])
    assert wait_until(lambda: customer.get(path).status_code == 404, 20, 0.1)
    gone = ended(customer, "push", 2)[0]
    assert (gone["status"], gone["last_error"]) == ("refused", "The subscription of the device has ended.")


def test_a_busy_push_service_is_tried_again_when_it_says(shop: Shop, customer: Any) -> None:
    inject(shop, "push_busy", 2)
    device_id = add_device(customer.user_id, subscribe(shop.mailbox.url))
    start(customer.user_id, "push", "127.0.0.1", device_id)
    (row,) = ended(customer, "push")
    assert (row["status"], row["attempts"], row["last_error"]) == ("sent", 3, None)


def test_a_push_service_that_does_not_answer_opens_no_circuit_breaker(shop: Shop, customer: Any) -> None:
    subscription = subscribe(shop.mailbox.url)
    keys = subscription["keys"]
    path = shop.mailbox.url.replace("http://", "http://nobody@")  # not the mailbox's, and therefore private
    device_id = add_device(customer.user_id, {"endpoint": f"{path}/push-service/{'0' * 32}", "keys": keys})
    start(customer.user_id, "push", "nobody", device_id)
    assert wait_until(lambda: any(row["last_error"] for row in log_of(customer)), 20, 0.1)
    (row,) = log_of(customer)
    assert (row["status"], row["attempts"]) == ("pending", 1)
    assert row["last_error"].startswith("The push service could not be reached")
    working = add_device(customer.user_id, subscription)
    start(customer.user_id, "push", "127.0.0.1", working)
    assert ended(customer, "push")[0]["status"] == "sent"


def test_a_notification_larger_than_a_push_may_be_is_refused(shop: Shop, customer: Any) -> None:
    device_id = add_device(customer.user_id, subscribe(shop.mailbox.url))
    context: contexts.BackInStock = {"first_name": "Ada" * 1500, "title": "Emma", "sku": "EMMA"}
    with transaction() as session:
        notifications.start_message(
            session, kinds.BACK_IN_STOCK, context, about="large", channel="push", recipient="127.0.0.1",
            language="en", user_id=customer.user_id, device_id=device_id,
        )  # fmt: skip
    (row,) = ended(customer, "push")
    assert (row["status"], row["last_error"]) == ("refused", "The push service responded with HTTP 413.")


def test_a_message_is_not_sent_to_a_number_or_a_device_that_was_removed(shop: Shop, customer: Any) -> None:
    start(customer.user_id, "sms", NUMBER)
    start(customer.user_id, "push", "127.0.0.1", new_id("dev"))
    (text,), (push,) = ended(customer, "sms"), ended(customer, "push")
    assert (text["status"], text["last_error"]) == ("refused", "The number was removed.")
    assert (push["status"], push["last_error"]) == ("refused", "The device was removed.")


def test_staff_test_a_template_of_every_channel(shop: Shop, staff: Any) -> None:
    template = "/v1/notification-templates/order_shipped/sms/en"
    assert staff.patch(template, json={"text": "Soon, {{ first_name }}."}).status_code == 200
    body = {"kind": "order_shipped", "channel": "sms"}
    refused = staff.post("/v1/notifications/test", json=body)
    assert (refused.status_code, refused.json["code"], refused.json["channel"]) == (409, "not_reachable", "sms")
    add_phone(staff.user_id, "+447400123456")
    add_device(staff.user_id, subscribe(shop.mailbox.url))
    for channel in ("sms", "push"):
        headers = {"Prefer": "wait=20"}
        tested = staff.post("/v1/notifications/test", json={**body, "channel": channel}, headers=headers)
        assert (tested.status_code, tested.json["channel"], tested.json["status"]) == (200, channel, "sent")
    text = next(one for one in arrived(shop, "text") if one["to"] == ["+447400123456"])
    assert "Soon, Ada." in text_of(shop, text)
