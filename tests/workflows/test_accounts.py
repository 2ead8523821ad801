"""Workflows of accounts, from registration to erasure, with real workers and mails."""

import html
import re
from collections.abc import Callable
from typing import Any

import requests
from sqlalchemy import func, select, text

from durable import transitions
from durable.ids import new_id
from durable.tables import RunRecord
from local.waiting import wait_until
from models import accounts, notifications, orders, returns
from models.core import event_log
from models.core.database import transaction
from models.core.events import AccountRegistered
from models.notifications import contexts, kinds
from models.notifications.rendering import render
from tests.authenticator_app import enrol
from tests.conftest import ADDRESS, PASSWORD
from tests.shop import Shop
from tests.shopping import confirm_address


def mails_to(shop: Shop, address: str, subject: str) -> list[dict[str, Any]]:
    """The mails to the address with this subject, at least one."""

    def found() -> list[dict[str, Any]]:
        return [mail for mail in shop.mails() if mail["to"] == [address] and subject in mail["subject"]]

    assert wait_until(lambda: bool(found()), 20, 0.05)
    return found()


def text_of(shop: Shop, mail: dict[str, Any]) -> str:
    """The text of a mail."""
    page = requests.get(f"{shop.mailbox.url}/messages/{mail['id']}", timeout=30).text
    [shown] = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    return html.unescape(shown).replace("\r\n", "\n")


def ended(workflow: str) -> None:
    """Waits until all runs of the workflow have ended."""

    def over() -> bool:
        with transaction() as session:
            live = select(func.count()).select_from(RunRecord)
            return not session.scalars(
                live.where(RunRecord.workflow == workflow, RunRecord.finished_at.is_(None))
            ).one()

    assert wait_until(over, 20, 0.05)


def status_of(workflow: str) -> str:
    with transaction() as session:
        return session.scalars(select(RunRecord.status).where(RunRecord.workflow == workflow)).one()


def test_registration_sends_a_welcome_mail_once_the_address_is_confirmed(shop: Shop, client: Any) -> None:
    body = {
        "username": "ada", "email": "ada@example.org", "password": PASSWORD, "first_name": "Ada",
        "last_name": "Lovelace", "address": ADDRESS,
    }  # fmt: skip
    assert client.post("/v1/auth/register", json=body).status_code == 201
    assert client.post("/v1/auth/register", json=body).status_code == 409
    (asking,) = mails_to(shop, "ada@example.org", "Confirm your e-mail address")
    told = text_of(shop, asking)
    assert "Ada" not in told
    token = re.search(r"Your token is:\n\n(\S{43})\n", told)
    assert token, told
    assert f"/v1/auth/email/confirm?token={token[1]}\n" in told
    ended("welcome")
    ended("confirm_address")
    with transaction() as session:  # the token is in the mail but not in the database
        for table in ("notifications.notification", "workflow.run", "workflow.step", "accounts.email_confirmation"):
            rows = session.execute(text(f"SELECT row_to_json(t)::text FROM {table} AS t")).scalars().all()  # noqa: S608
            assert rows, table
            assert not any(token[1] in row for row in rows), table
    assert [mail["subject"] for mail in shop.mails() if mail["to"] == ["ada@example.org"]] == [asking["subject"]]
    assert client.post("/v1/auth/email/confirm", json={"token": token[1]}).status_code == 204
    (mail,) = mails_to(shop, "ada@example.org", "Welcome")
    assert mail["deliveries"] == 1
    assert "Dear Ada" in text_of(shop, mail)
    ended("held_mail")
    with transaction() as session:
        rows = session.scalars(select(notifications.Notification)).all()
        found = {row.kind: (row.fault, row.held, row.sent_at is not None) for row in rows}
        assert found == dict.fromkeys(("confirm_address", "welcome"), (None, None, True))


def test_mails_are_in_the_language_of_the_customer_with_an_html_part(shop: Shop, client: Any) -> None:
    body = {
        "username": "max", "email": "max@example.org", "password": PASSWORD, "first_name": "Max <b>",
        "last_name": "Müller", "address": ADDRESS,
    }  # fmt: skip
    asked = {"Accept-Language": "de-AT, en;q=0.5"}
    user = client.post("/v1/auth/register", json=body, headers=asked).json["user"]
    assert user["language"] == "de"
    assert "Ihr Code lautet:" in text_of(shop, *mails_to(shop, "max@example.org", "Bestätigen Sie Ihre E-Mail-Adresse"))
    confirm_address(user["id"])
    (mail,) = mails_to(shop, "max@example.org", "Willkommen in unserem Shop")
    assert "Guten Tag Max <b>,\n\nIhr Konto max ist eingerichtet." in text_of(shop, mail)
    page = requests.get(f"{shop.mailbox.url}/messages/{mail['id']}", timeout=30).text
    shown = html.unescape(page.partition('srcdoc="')[2].partition('"')[0])
    assert '<html lang="de">' in shown
    assert "<p>Guten Tag Max &lt;b&gt;,</p>" in shown


def test_password_reset_with_the_mailed_token(shop: Shop, client: Any, customer: Any) -> None:
    assert client.post("/v1/auth/password/forgot", json={"email": "customer@example.org"}).status_code == 202
    (mail,) = mails_to(shop, "customer@example.org", "Reset your password")
    token = re.search(r"^(\S{43})$", text_of(shop, mail), re.MULTILINE)
    assert token, text_of(shop, mail)
    ended("password_reset")
    with transaction() as session:  # the token is in the mail but not in the database
        for table in ("notifications.notification", "workflow.run", "workflow.step", "accounts.password_reset"):
            rows = session.execute(text(f"SELECT row_to_json(t)::text FROM {table} AS t")).scalars().all()  # noqa: S608
            assert rows, table
            assert not any(token[1] in row for row in rows), table
    answer = client.post("/v1/auth/password/reset", json={"token": token[1], "new_password": "a new password"})
    assert answer.status_code == 200
    (mail_of_the_change,) = mails_to(shop, "customer@example.org", "Your password was changed")
    assert "customer" in text_of(shop, mail_of_the_change)
    ended("password_changed")


def test_mails_to_an_address_that_is_not_confirmed_have_nothing_that_its_user_wrote(shop: Shop, client: Any) -> None:
    """Whoever registers can give the address of a stranger, who then reads the mail of the shop."""
    hers = {"username": "you-have-won", "first_name": "Klick", "last_name": "Prize-Example-Org"}
    place = {"line1": "Casino Road", "city": "Jackpot", "country": "GB"}
    body = {"email": "stranger@example.org", "password": PASSWORD, "address": place, **hers}
    assert client.post("/v1/auth/register", json=body).status_code == 201
    assert client.post("/v1/auth/password/forgot", json={"email": "stranger@example.org"}).status_code == 202
    for subject in ("Confirm your e-mail address", "Reset your password"):
        (mail,) = mails_to(shop, "stranger@example.org", subject)
        source = requests.get(f"{shop.mailbox.url}/messages/{mail['id']}", timeout=30).text
        for word in (*hers.values(), *place.values()):
            assert word == "GB" or word not in source, (subject, word)
    ended("confirm_address")
    ended("password_reset")
    assert len([mail for mail in shop.mails() if mail["to"] == ["stranger@example.org"]]) == 2


def test_a_sign_in_from_a_new_device_is_reported_by_mail(shop: Shop, client: Any, customer: Any) -> None:
    body, firefox = (
        {"username": "customer", "password": PASSWORD},
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
    )
    elsewhere: dict[str, Any] = {"headers": {"User-Agent": firefox}, "environ_overrides": {"REMOTE_ADDR": "192.0.2.9"}}
    assert client.post("/v1/auth/login", json=body, **elsewhere).status_code == 200
    (mail,) = mails_to(shop, "customer@example.org", "Sign-in from a new device")
    text = text_of(shop, mail)
    assert "- Device: Firefox on Linux\n- Network: 192.0.2.0/24\n\nIf it was you" in text
    assert "change your password now, end all other sessions" in text
    ended("new_device")


def test_a_former_address_is_notified_and_restored_by_the_mailed_token(
    shop: Shop, client: Any, sign_in: Callable[..., Any]
) -> None:
    robbed = sign_in("robbed")  # the mailbox has mails to the customer of other tests
    assert robbed.patch("/v1/me", json={"email": "thief@example.org"}).status_code == 200
    (asked,) = mails_to(shop, "thief@example.org", "Confirm your new e-mail address")
    confirming = re.search(r"Your token is:\n\n(\S{43})\n", text_of(shop, asked))
    assert confirming, text_of(shop, asked)
    assert "robbed" not in text_of(shop, asked).lower()  # nothing that a user chooses
    ended("confirm_new_email")
    (mail,) = mails_to(shop, "robbed@example.org", "The e-mail address of robbed is about to change")
    token = re.search(r"Your token is:\n\n(\S{43})\n", text_of(shop, mail))
    assert token, text_of(shop, mail)
    ended("email_changing")
    with transaction() as session:  # the token is in the mail but not in the database
        stores = ("notifications.notification", "workflow.run", "workflow.step", "accounts.email_change")
        for table in (*stores, "accounts.pending_email"):
            rows = session.execute(text(f"SELECT row_to_json(t)::text FROM {table} AS t")).scalars().all()  # noqa: S608
            assert rows, table
            assert not any(one[1] in row for one in (token, confirming) for row in rows), table
    assert client.post("/v1/auth/email/confirm", json={"token": confirming[1]}).status_code == 204
    assert client.post("/v1/auth/email/restore", json={"token": token[1]}).status_code == 200
    (reset,) = mails_to(shop, "robbed@example.org", "Reset your password")
    chosen = re.search(r"Your token is:\n\n(\S{43})\n", text_of(shop, reset))
    assert chosen, text_of(shop, reset)
    body = {"token": chosen[1], "new_password": "a new password"}
    assert client.post("/v1/auth/password/reset", json=body).status_code == 200
    ended("password_reset")
    ended("password_changed")


def test_an_address_of_somebody_else_gets_no_mail(shop: Shop, sign_in: Callable[..., Any]) -> None:
    nosy, _ = sign_in("nosy"), sign_in("undisturbed")
    assert nosy.patch("/v1/me", json={"email": "undisturbed@example.org"}).status_code == 200
    mails_to(shop, "nosy@example.org", "The e-mail address of nosy is about to change")
    ended("confirm_new_email")
    assert status_of("confirm_new_email") == "succeeded"
    assert [mail for mail in shop.mails() if mail["to"] == ["undisturbed@example.org"]] == []


def test_a_changed_second_factor_is_reported_by_mail(shop: Shop, customer: Any) -> None:
    enrol(customer)
    (mail,) = mails_to(shop, "customer@example.org", "How you sign in was changed")
    assert "now requires a code of your authenticator app" in text_of(shop, mail)
    ended("sign_in_changed")


def test_the_reset_mail_links_to_the_configured_pages() -> None:
    context: contexts.PasswordReset = {"token": "t" * 43, "pages": ""}
    assert "/password" not in render(kinds.PASSWORD_RESET, "email", context).text
    linked: contexts.PasswordReset = {**context, "pages": "https://shop.example"}
    text = render(kinds.PASSWORD_RESET, "email", linked).text
    assert ": https://shop.example/password#token=" + "t" * 43 in text  # in the fragment, so that no server logs it
    assert re.search(r"^t{43}$", text, re.MULTILINE)


def test_reset_of_an_unknown_address_sends_no_mail(shop: Shop, client: Any) -> None:
    assert client.post("/v1/auth/password/forgot", json={"email": "nobody@example.org"}).status_code == 202
    ended("password_reset")
    assert status_of("password_reset") == "succeeded"
    assert [mail for mail in shop.mails() if mail["to"] == ["nobody@example.org"]] == []


def test_a_disabled_notification_is_not_sent(shop: Shop, customer: Any) -> None:
    assert customer.patch("/v1/me/preferences", json={"welcome": {"email": False}}).status_code == 200
    before = len(shop.mails())
    with transaction() as session:
        event_log.emit(session, AccountRegistered(user_id=customer.user_id))
    ended("welcome")
    assert status_of("welcome") == "succeeded"
    assert len(shop.mails()) == before


def test_closing_an_account_erases_its_data_in_every_service(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT", 10)
    declined = order(customer, {shirt: 1}, method="pm_card_chargeDeclined").json["order_id"]
    with transaction() as session:
        sent_back = returns.Return(
            id=new_id("ret"), order_id=declined, user_id=customer.user_id, status="closed", reason="Too small",
            comment="Call me at 555-0100.", run_id=new_id("run"),
        )  # fmt: skip
        session.add(sent_back)
    assert customer.delete("/v1/me").status_code == 204
    ended("erasure")
    assert status_of("erasure") == "succeeded"
    with transaction() as session:
        kept = orders.get(session, declined)
        assert (kept.status, kept.address) == ("cancelled", {"country": "GB"})
        assert {row.recipient for row in session.scalars(select(notifications.Notification))} == {"erased"}
        assert accounts.get(session, customer.user_id).status == "closed"
        assert returns.get_return(session, sent_back.id).comment is None


def test_erasure_waits_for_undelivered_orders(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    placed = order(customer, {product("SHIRT", 10): 1}).json["id"]
    assert customer.delete("/v1/me").status_code == 204
    assert wait_until(lambda: status_of("erasure") == "waiting", 20, 0.05)
    with transaction() as session:
        assert orders.get(session, placed).address == ADDRESS
        orders.lock(session, placed).status = "delivered"
        run = session.scalars(select(RunRecord).where(RunRecord.workflow == "erasure")).one()
        locked = transitions.lock(session, run.id)
        assert locked
        transitions.wake(session, locked)
    ended("erasure")
    with transaction() as session:
        assert orders.get(session, placed).address == {"country": "GB"}
