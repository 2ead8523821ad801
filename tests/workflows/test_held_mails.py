"""Mails that are held until their recipient confirms the address, with real workers and mails."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import func, select, text, update

from demo.confirming import mailed_token
from durable.tables import RunRecord
from local.waiting import wait_until
from models import notifications
from models.core import event_log
from models.core.database import transaction
from models.core.events import PasswordChanged, SignInChanged
from tests.conftest import ADDRESS, PASSWORD, Caller
from tests.reaching import NUMBER, add_phone
from tests.shop import Shop
from tests.shopping import confirm_address


def register(client: Any, name: str) -> Caller:
    body = {
        "username": name, "email": f"{name}@example.org", "password": PASSWORD, "first_name": name.title(),
        "last_name": "Tester", "address": ADDRESS,
    }  # fmt: skip
    made = client.post("/v1/auth/register", json=body).json
    return Caller(client, made["user"]["id"], "", name, made["access_token"], made["refresh_token"])


def subjects(shop: Shop, caller: Caller) -> list[str]:
    """Of the mails to the customer, oldest first."""
    newest_first = [mail["subject"] for mail in shop.mails() if mail["to"] == [f"{caller.username}@example.org"]]
    return newest_first[::-1]


def statuses(caller: Caller) -> dict[str, str]:
    """Kind → status, of the mails."""
    rows = caller.get("/v1/notifications?limit=100").json["data"]
    return {row["kind"]: row["status"] for row in rows if row["channel"] == "email"}


def quiet() -> bool:
    """Whether no run is under way."""
    with transaction() as session:
        return not session.scalars(select(func.count()).where(RunRecord.finished_at.is_(None))).one()


def confirm(shop: Shop, caller: Caller) -> int:
    body = {"token": mailed_token(shop.mailbox.url, f"{caller.username}@example.org")}
    return int(caller.client.post("/v1/auth/email/confirm", json=body).status_code)


def test_held_mails_follow_the_confirmation_in_order(
    shop: Shop, client: Any, order: Callable[..., Any], product: Callable[..., str]
) -> None:
    buyer = register(client, "buyer")
    assert wait_until(quiet, 20, 0.1)  # the welcome is the oldest of the mails
    placed = order(buyer, {product("TEAPOT", 5): 1}).json
    assert placed["status"] == "confirmed"  # the checkout waits for nobody
    assert buyer.post(f"/v1/orders/{placed['id']}/cancel", json={}, headers={
        "Idempotency-Key": "c", "Prefer": "wait=20"
    }).status_code == 200  # fmt: skip
    assert wait_until(quiet, 20, 0.1)
    held = dict.fromkeys(("welcome", "order_confirmed", "order_cancelled"), "held")
    assert statuses(buyer) == {"confirm_address": "sent", **held}
    assert subjects(shop, buyer) == ["Confirm your e-mail address"]
    assert confirm(shop, buyer) == confirm(shop, buyer) == 204
    assert wait_until(lambda: len(subjects(shop, buyer)) == 4 and quiet(), 20, 0.1)
    number = placed["number"]
    assert subjects(shop, buyer)[1:] == [
        "Welcome to our shop", f"Your order {number} is confirmed", f"Your order {number} was cancelled",
    ]  # fmt: skip
    assert set(statuses(buyer).values()) == {"sent"}
    with transaction() as session:
        links = select(func.count()).select_from(RunRecord).where(RunRecord.workflow == "held_mail")
        assert session.scalars(links).one() == 3


def test_text_messages_are_not_held(
    shop: Shop, client: Any, order: Callable[..., Any], product: Callable[..., str]
) -> None:
    texted = register(client, "texted")
    add_phone(texted.user_id)
    refused = order(texted, {product("CUP", 5): 1}, method="pm_card_chargeDeclined")
    assert refused.status_code == 402
    assert wait_until(lambda: [NUMBER] in [message["to"] for message in shop.mails()], 20, 0.1)
    assert wait_until(quiet, 20, 0.1)
    assert statuses(texted)["payment_failed"] == "held"
    assert subjects(shop, texted) == ["Confirm your e-mail address"]


def test_mails_that_are_of_no_use_any_more_are_dropped(
    shop: Shop, client: Any, order: Callable[..., Any], product: Callable[..., str]
) -> None:
    late = register(client, "late")
    order(late, {product("SPOON", 5): 1})
    assert wait_until(quiet, 20, 0.1)
    with transaction() as session:
        session.execute(
            update(notifications.Notification)
            .where(notifications.Notification.kind == "welcome")
            .values(kind="order_delivered")
        )
        session.execute(text("UPDATE notifications.notification SET created_at = now() - interval '2 days'"))
    confirm_address(late.user_id)
    assert wait_until(lambda: len(subjects(shop, late)) == 2 and quiet(), 20, 0.1)
    assert subjects(shop, late)[1].startswith("Your order ")
    rows = {row["kind"]: row for row in late.get("/v1/notifications").json["data"]}
    assert (rows["order_delivered"]["status"], rows["order_confirmed"]["status"]) == ("refused", "sent")
    assert rows["order_delivered"]["last_error"] == "The e-mail address was confirmed too late."


def test_what_was_held_for_a_mistyped_address_goes_to_the_one_that_is_confirmed(shop: Shop, client: Any) -> None:
    moved = register(client, "moved")
    assert wait_until(quiet, 20, 0.1)
    assert moved.patch("/v1/me", json={"email": "found@example.org"}).status_code == 200
    token = mailed_token(shop.mailbox.url, "found@example.org", "Confirm your new e-mail address")
    assert client.post("/v1/auth/email/confirm", json={"token": token}).status_code == 204
    assert wait_until(quiet, 20, 0.1)
    assert subjects(shop, moved) == ["Confirm your e-mail address"]  # the stranger who has that address
    found = [mail["subject"] for mail in shop.mails() if mail["to"] == ["found@example.org"]]
    assert sorted(found) == ["Confirm your new e-mail address", "Welcome to our shop"]


def test_closing_the_account_drops_what_was_held(shop: Shop, client: Any) -> None:
    leaving = register(client, "leaving")
    assert wait_until(quiet, 20, 0.1)
    assert leaving.delete("/v1/me").status_code == 204
    assert wait_until(quiet, 20, 0.1)
    with transaction() as session:
        rows = session.scalars(select(notifications.Notification).where(notifications.Notification.kind == "welcome"))
        (row,) = rows.all()
    assert (row.held, row.text, row.fault, row.sent_at) == (None, "", "The account was closed.", None)
    assert subjects(shop, leaving) == ["Confirm your e-mail address"]


def test_of_mails_that_race_with_the_confirmation_each_is_sent_once(shop: Shop, client: Any, app: Any) -> None:
    """Two mails a round are composed by workers while the address is being confirmed."""
    racers = [register(client, f"racer{n}") for n in range(6)]
    tokens = {racer.user_id: mailed_token(shop.mailbox.url, f"{racer.username}@example.org") for racer in racers}

    def notify(racer: Caller) -> None:
        for event in (
            PasswordChanged(user_id=racer.user_id),
            SignInChanged(user_id=racer.user_id, change="passkey_added"),
        ):
            with transaction() as session:
                event_log.emit(session, event)

    def confirm_one(racer: Caller) -> int:
        body = {"token": tokens[racer.user_id]}
        return int(app.test_client().post("/v1/auth/email/confirm", json=body).status_code)

    with ThreadPoolExecutor(4) as pool:
        for racer in racers:
            told = pool.submit(notify, racer)
            assert pool.submit(confirm_one, racer).result() == 204
            told.result()
    assert wait_until(lambda: quiet() and all(len(subjects(shop, racer)) == 4 for racer in racers), 30, 0.1)
    for racer in racers:
        assert sorted(subjects(shop, racer)) == sorted({*subjects(shop, racer)})  # each once
        mails = [mail for mail in shop.mails() if mail["to"] == [f"{racer.username}@example.org"]]
        assert {mail["deliveries"] for mail in mails} == {1}
        assert set(statuses(racer).values()) == {"sent"}
