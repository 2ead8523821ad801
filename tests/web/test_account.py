"""The pages of the account, and what search engines ask for."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from models import accounts
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.shopping import make_product
from tests.web.conftest import Browser

PAGES = (
    "/account", "/account/orders", "/account/addresses", "/account/notifications", "/account/password",
    "/account/sessions", "/account/data",
)  # fmt: skip


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("ada")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_the_account_opens(ada: Browser, path: str, language: str) -> None:
    page = ada.get(path, headers={"Accept-Language": language})
    assert (page.status_code, page.text.count("<h1")) == (200, 1)
    assert page.text.count('aria-current="page"') == 1
    assert re.findall(r"\sstyle=|\son\w+=|<style", page.text) == []


def test_the_profile_is_changed(ada: Browser, sign_in: Callable[..., Any]) -> None:
    sign_in("grace")
    form = {"first_name": "Augusta", "last_name": "King", "username": "augusta"}
    assert ada.send("/account", form).headers["Location"] == "/account?saved=1"
    assert "Hello, Augusta" in ada.get("/account?saved=1").text
    taken = ada.send("/account", {**form, "username": "grace"})
    assert (taken.status_code, "This username is taken." in taken.text) == (422, True)


def test_the_password_is_changed_and_other_devices_are_signed_out(ada: Browser, browser: Browser) -> None:
    browser.send("/sign-in", {"username": "ada", "password": PASSWORD})
    wrong = ada.send("/account/password", {"current_password": "wrong", "new_password": "another horse battery"})
    assert (wrong.status_code, "The name or the password is not right." in wrong.text) == (422, True)
    right = {"current_password": PASSWORD, "new_password": "another horse battery"}
    assert ada.send("/account/password", right).status_code == 303
    assert ada.get("/account").status_code == 200
    assert browser.get("/account").status_code == 303


def test_addresses_are_added_chosen_and_deleted(ada: Browser, signed_in: Callable[..., Browser]) -> None:
    new = {"line1": "1 High Street", "city": "Oxford", "country": "GB"}
    assert ada.send("/account/addresses", {**new, "city": ""}).status_code == 422
    assert ada.send("/account/addresses", new).status_code == 303
    page = ada.get("/account/addresses").text
    paths = re.findall(r'action="(/account/addresses/adr_\w+)"', page)
    assert len(paths) == 2
    eve = signed_in("eve")
    for form in ({}, {"delete": "yes"}):
        assert eve.send(paths[1], form).status_code == 404
    assert ada.send(paths[1]).status_code == 303
    assert re.findall(r'action="(/account/addresses/adr_\w+)"', ada.get("/account/addresses").text)[0] == paths[1]
    assert ada.send(paths[1], {"delete": "yes"}).status_code == 303
    assert "Oxford" not in ada.get("/account/addresses").text


def test_notifications_are_switched_off_and_on(ada: Browser) -> None:
    assert (
        ada.send("/account/notifications", {"back_in_stock.sms": "on", "order_confirmed.email": "on"}).status_code
        == 303
    )
    page = ada.get("/account/notifications").text
    ticked = re.findall(r'name="([\w.]+)"[^>]* checked', page)
    assert ticked == ["back_in_stock.sms"]
    assert 'name="order_confirmed.email"' not in page


def test_every_kind_that_customers_choose_has_a_name() -> None:
    from web.shop.account.notifications import KINDS

    of_codes = {"confirm_address", "password_reset", "email_changing", "confirm_new_email"}
    assert set(KINDS) == set(accounts.CUSTOMER_KINDS) - of_codes


def test_devices_are_signed_out(ada: Browser, browser: Browser, signed_in: Callable[..., Browser]) -> None:
    browser.send("/sign-in", {"username": "ada", "password": PASSWORD})
    [other] = re.findall(r'name="session" value="(ses_\w+)"', ada.get("/account/sessions").text)
    for value in ("x", other):  # of somebody else, nothing happens
        assert signed_in(f"eve{len(value)}").send("/account/sessions", {"session": value}).status_code == 303
    assert browser.get("/account").status_code == 200
    assert ada.send("/account/sessions", {"session": other}).status_code == 303
    assert browser.get("/account").status_code == 303
    assert ada.get("/account").status_code == 200


def age_sessions() -> None:
    """Makes every sign-in older than ten minutes."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    with transaction() as session:
        session.execute(update(accounts.LoginSession).values(created_at=long_ago, authenticated_at=None))


def test_a_copy_of_the_data_needs_a_fresh_sign_in(ada: Browser) -> None:
    with closing(ada.get("/account/data/copy")) as copy:
        assert (copy.status_code, copy.mimetype) == (200, "application/json")
        assert "ada@example.org" in json.dumps(json.loads(copy.text))
    age_sessions()
    asked = ada.get("/account/data/copy")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/account/confirm?next=/account/data/copy")
    wrong = ada.send("/account/confirm", {"password": "wrong"})
    assert (wrong.status_code, "is not right" in wrong.text) == (422, True)
    given = ada.send("/account/confirm", {"password": PASSWORD, "next": "/account/data/copy"})
    assert given.headers["Location"] == "/account/data/copy"
    with closing(ada.get("/account/data/copy")) as copy:
        assert copy.status_code == 200


def test_an_account_is_closed_with_the_password(ada: Browser) -> None:
    assert ada.send("/account/close", {"current_password": "wrong"}).status_code == 422
    assert ada.send("/account/close").status_code == 422
    assert ada.send("/account/close", {"current_password": PASSWORD}).headers["Location"] == "/"
    assert ada.get("/account").status_code == 303
    with transaction() as session:
        assert session.scalars(select(accounts.User.status)).all() == ["closed"]


def test_an_address_that_is_not_confirmed_is_shown_as_such(browser: Browser) -> None:
    from tests.web.test_signing_in import ACCOUNT

    browser.send("/register", ACCOUNT, page="/register")
    assert "Please confirm the address" in browser.get("/account").text
    wrong = browser.send("/email/confirm", {"token": "wrong"}, page="/email/confirm")
    assert (wrong.status_code, "not valid or has expired" in wrong.text) == (422, True)


def test_search_engines_find_products_and_leave_out_accounts(browser: Browser) -> None:
    product_id = make_product("EMMA", 1)
    robots = browser.get("/robots.txt")
    assert robots.mimetype == "text/plain"
    assert "Disallow: /account" in robots.text
    assert "Sitemap: http://localhost/sitemap.xml" in robots.text
    sitemap = browser.get("/sitemap.xml")
    assert f"<loc>http://localhost/products/{product_id}</loc>" in sitemap.text
    assert sitemap.mimetype == "application/xml"
    assert "Set-Cookie" not in sitemap.headers
