"""Changing the e-mail address on the pages, and taking it back."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, update

from durable.tables import RunRecord
from models import accounts
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.web.accounts import age_sessions
from tests.web.conftest import Browser
from web.once import new_token

NEW = "countess@example.org"


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("ada")


def change(browser: Browser, email: str = NEW, **fields: str) -> Any:
    return browser.send("/account/email", {"email": email, "once": new_token(), **fields}, page="/account/email")


def runs(workflow: str) -> list[str]:
    with transaction() as session:
        return list(session.scalars(select(RunRecord.id).where(RunRecord.workflow == workflow)))


def present() -> str:
    with transaction() as session:
        return session.scalars(select(accounts.User.email)).one()


def test_another_address_counts_once_it_is_confirmed(ada: Browser) -> None:
    asked = change(ada)
    assert (asked.status_code, asked.headers["Location"]) == (303, "/account/email?done=email_asked")
    page = ada.get(asked.headers["Location"]).text
    assert NEW in page
    assert "A mail is on its way to the new address" in page
    assert present() == "ada@example.org"
    [run] = runs("confirm_new_email")
    token = accounts.derive_change_token(run)
    assert ada.send("/email/confirm", {"token": token}, page="/email/confirm").status_code == 303
    assert present() == NEW
    assert "becomes your address" not in ada.get("/account/email").text


def test_a_form_that_is_sent_twice_mails_once(ada: Browser) -> None:
    token = new_token()
    answers = [change(ada, once=token) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert (len(runs("confirm_new_email")), len(runs("email_changing"))) == (1, 1)


def test_a_stale_sign_in_needs_the_password(ada: Browser) -> None:
    assert 'name="current_password"' not in ada.get("/account/email").text
    age_sessions()
    assert 'name="current_password"' in ada.get("/account/email").text
    without = change(ada)
    assert (without.status_code, without.headers["Location"]) == (303, "/account/confirm?next=/")
    wrong = change(ada, current_password="wrong")
    assert (wrong.status_code, "is not right" in wrong.text, NEW in wrong.text) == (422, True, True)
    assert runs("confirm_new_email") == []
    assert change(ada, current_password=PASSWORD).status_code == 303


def test_the_confirmation_of_the_password_leads_back_to_the_form(ada: Browser) -> None:
    age_sessions()
    token = re.search(r'name="csrf_token" value="(\w+)"', ada.get("/account/email").text)
    assert token is not None
    form = {"csrf_token": token[1], "email": NEW, "once": new_token()}
    for came_from, led_to in (("localhost/account/email", "/account/email"), ("evil.example/account", "/")):
        sent = ada.post("/account/email", data=form, headers={"Referer": f"http://{came_from}"})
        assert sent.headers["Location"] == f"/account/confirm?next={led_to}"


def test_a_change_is_cancelled_or_mailed_again(ada: Browser) -> None:
    change(ada)
    change(ada)
    assert len(runs("confirm_new_email")) == 2
    kept = ada.send("/account/email/cancel", page="/account/email")
    assert NEW not in ada.get(kept.headers["Location"]).text
    change(ada)
    assert change(ada, "ada@example.org").headers["Location"] == "/account/email?done=email_kept"
    assert NEW not in ada.get("/account/email").text


def test_what_is_no_address_changes_nothing(ada: Browser) -> None:
    page = change(ada, "x")
    assert (page.status_code, "This is not an e-mail address." in page.text) == (422, True)
    assert change(ada, once="short").status_code == 422
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(accounts.PendingEmail)).one() == 0


def test_the_mail_that_confirms_the_present_address_is_sent_again(signed_in: Callable[..., Browser]) -> None:
    grace = signed_in("grace")
    with transaction() as session:
        session.execute(update(accounts.User).values(email_confirmed_at=None))
    assert "not confirmed yet" in grace.get("/account/email").text
    before = len(runs("confirm_address"))
    answers = [
        grace.send("/account/email/confirmation", {"once": new_token()}, page="/account/email") for _ in range(4)
    ]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 429]
    assert len(runs("confirm_address")) == before + 3


def test_the_old_address_takes_the_account_back(ada: Browser, browser: Browser) -> None:
    change(ada)
    [to_new], [to_old] = runs("confirm_new_email"), runs("email_changing")
    ada.send("/email/confirm", {"token": accounts.derive_change_token(to_new)}, page="/email/confirm")
    assert present() == NEW
    assert "data-from-address" in browser.get("/email/restore").text
    wrong = browser.send("/email/restore", {"token": "wrong"}, page="/email/restore")
    assert (wrong.status_code, "not valid or has expired" in wrong.text) == (422, True)
    form = {"token": accounts.derive_restore_token(to_old)}
    done = browser.send("/email/restore", form, page="/email/restore")
    assert "Your account has this address again" in browser.get(done.headers["Location"]).text
    assert present() == "ada@example.org"
    assert ada.get("/account").status_code == 303  # signed out
    assert len(runs("password_reset")) == 1
    assert browser.send("/email/restore", form, page="/email/restore").status_code == 422
