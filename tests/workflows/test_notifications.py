"""Tests of templates, changed templates, and addresses that do not exist, with real workers and mails."""

from collections.abc import Callable
from typing import Any

import requests

from local.waiting import wait_until
from models.core.database import transaction
from models.notifications import unsubscribe_url
from tests.conftest import ADDRESS, PASSWORD
from tests.shop import Shop

TEMPLATE = "/v1/notification-templates/welcome/email/de"


def register(client: Any, name: str, domain: str = "example.org") -> Any:
    body = {
        "username": name, "email": f"{name}@{domain}", "password": PASSWORD, "first_name": name.title(),
        "last_name": "Tester", "address": ADDRESS, "language": "de",
    }  # fmt: skip
    answer = client.post("/v1/auth/register", json=body)
    assert answer.status_code == 201
    return answer.json


def deliveries(staff: Any, user_id: str) -> list[dict[str, Any]]:
    """The user's notifications, at least one, once all have ended."""

    def found() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = staff.get(f"/v1/notifications?user_id={user_id}").json["data"]
        return rows

    assert wait_until(lambda: bool(found()) and all(row["status"] != "pending" for row in found()), 20, 0.1)
    return found()


def subjects(shop: Shop, address: str) -> list[str]:
    return [mail["subject"] for mail in shop.mails() if mail["to"] == [address]]


def test_a_changed_template_is_tested_and_used(shop: Shop, client: Any, staff: Any) -> None:
    assert staff.patch(TEMPLATE, json={"subject": "Servus {{ first_name }}"}).status_code == 200
    body, headers = {"kind": "welcome", "language": "de"}, {"Idempotency-Key": "1", "Prefer": "wait=20"}
    tested = staff.post("/v1/notifications/test", json=body, headers=headers)
    assert (tested.status_code, tested.json["status"], tested.json["attempts"]) == (200, "sent", 1)
    assert subjects(shop, "staff@example.org") == ["Servus Ada"]
    register(client, "resi")
    assert wait_until(lambda: subjects(shop, "resi@example.org") == ["Servus Resi"], 20, 0.1)


def test_an_address_that_does_not_exist_is_suppressed(
    shop: Shop, client: Any, staff: Any, sign_in: Callable[..., Any]
) -> None:
    user = register(client, "nobody", "gone.invalid")["user"]
    (row,) = deliveries(staff, user["id"])
    assert (row["kind"], row["status"], row["attempts"]) == ("welcome", "refused", 1)
    assert "550 5.1.1" in row["last_error"]
    (suppressed,) = staff.get("/v1/notifications/suppressions").json["data"]
    assert (suppressed["address"], suppressed["source"]) == ("nobody@gone.invalid", "refused")
    assert client.post("/v1/auth/password/forgot", json={"username": "nobody"}).status_code == 202
    assert wait_until(lambda: len(deliveries(staff, user["id"])) == 2, 20, 0.1)  # mandatory mails are still tried


def test_a_mail_that_waits_for_the_server_shows_its_attempts(shop: Shop, client: Any, staff: Any) -> None:
    fault: dict[str, Any] = {"kind": "refuse", "times": 1}
    requests.post(f"{shop.mailbox.url}/sandbox/faults", json=fault, timeout=5).raise_for_status()
    user = register(client, "patient")["user"]
    pending = f"/v1/notifications?user_id={user['id']}"
    assert wait_until(lambda: any(row["last_error"] for row in staff.get(pending).json["data"]), 20, 0.1)
    (row,) = staff.get(pending).json["data"]
    assert (row["status"], row["attempts"]) == ("pending", 1)
    assert "451" in row["last_error"]
    (row,) = deliveries(staff, user["id"])
    assert (row["status"], row["attempts"], row["last_error"]) == ("sent", 2, None)


def test_an_unsubscribed_customer_gets_no_more_mails_of_the_kind(shop: Shop, client: Any, staff: Any) -> None:
    from models.notifications import kinds

    user = register(client, "quiet")["user"]
    (welcome,) = deliveries(staff, user["id"])
    page = next(mail for mail in shop.mails() if mail["to"] == ["quiet@example.org"])
    shown = requests.get(f"{shop.mailbox.url}/messages/{page['id']}", timeout=5).text
    link = unsubscribe_url(user["id"], kinds.WELCOME, "email")
    assert f"Diese E-Mails abbestellen: {link}" in shown
    assert client.post("/v1" + link.partition("/v1")[2]).status_code == 200
    with transaction() as session:
        from models.core import event_log
        from models.core.events import AccountRegistered

        event_log.emit(session, AccountRegistered(user_id=user["id"]))
    register(client, "louder")
    assert wait_until(lambda: bool(subjects(shop, "louder@example.org")), 20, 0.1)
    assert deliveries(staff, user["id"]) == [welcome]
