"""The pages of the account, and what search engines ask for."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import select

from models import accounts
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.shopping import make_product
from tests.web.accounts import ACCOUNT, age_sessions
from tests.web.conftest import Browser
from web.once import new_token
from web.shop import robots

PAGES = (
    "/account", "/account/email", "/account/orders", "/account/addresses", "/account/notifications",
    "/account/password", "/account/second-factor", "/account/phone", "/account/push",
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
    assert ada.send("/account", {**form, "language": "de"}).status_code == 303
    assert 'value="de" lang="de" selected' in ada.get("/account").text
    assert ada.send("/account", {**form, "language": "xx"}).status_code == 422
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


NEW = {"line1": "1 High Street", "line2": "Flat 2", "city": "Oxford", "country": "GB"}


def addresses(browser: Browser) -> list[str]:
    return re.findall(r'href="(/account/addresses/adr_\w+)"', browser.get("/account/addresses").text)


def add(browser: Browser, once: str = "", **changes: str) -> Any:
    form = {**NEW, "once": once or new_token(), **changes}
    return browser.send("/account/addresses", form, page="/account/addresses")


def test_addresses_are_added_chosen_and_deleted(ada: Browser, signed_in: Callable[..., Browser]) -> None:
    assert add(ada, city="").status_code == 422
    token = new_token()
    assert [add(ada, token).status_code for _ in range(2)] == [303, 303]
    paths = addresses(ada)
    assert len(paths) == 2
    eve = signed_in("eve")
    for form in ("", "/default", "/delete"):
        assert eve.send(f"{paths[1]}{form}", {**NEW, "once": new_token()}).status_code == 404
    assert eve.get(paths[1]).status_code == 404
    assert ada.send(f"{paths[1]}/default").status_code == 303
    assert addresses(ada)[0] == paths[1]
    deleted = ada.send(f"{paths[1]}/delete")
    page = ada.get(deleted.headers["Location"]).text
    assert ("Oxford" in page, "The address is deleted" in page) == (False, True)


def test_an_address_is_edited_unless_another_tab_was_faster(ada: Browser) -> None:
    add(ada)
    path = addresses(ada)[1]
    page = ada.get(path).text
    assert ('value="Oxford"' in page, 'value="Flat 2"' in page) == (True, True)
    [version] = re.findall(r'name="version" value="(\w+)"', page)

    def save(**changes: str) -> Any:
        return ada.send(path, {**NEW, "version": version, "once": new_token(), **changes}, page=path)

    assert save(city="").status_code == 422
    saved = save(city="Cambridge", line2="")
    page = ada.get(saved.headers["Location"]).text
    assert ("Cambridge" in page, "Flat 2" in page, "The address is saved" in page) == (True, False, True)
    late = save(city="London")
    assert (late.status_code, "was changed since" in late.text, 'value="London"' in late.text) == (422, True, True)
    assert "London" not in ada.get(path).text
    with transaction() as session:
        ids = [found.id for found in session.scalars(select(accounts.Address).order_by(accounts.Address.is_default))]
    assert path.endswith(ids[0])


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
    browser.send("/register", ACCOUNT, page="/register")
    assert "Please confirm the address" in browser.get("/account").text
    wrong = browser.send("/email/confirm", {"token": "wrong"}, page="/email/confirm")
    assert (wrong.status_code, "not valid or has expired" in wrong.text) == (422, True)


@pytest.fixture
def small_maps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sitemaps of two addresses, made for this test; otherwise they are kept for an hour."""
    monkeypatch.setattr(robots, "MOST", 2)
    for made in (robots._start, robots._part):
        made.cache_clear()
    yield
    for made in (robots._start, robots._part):
        made.cache_clear()


@pytest.mark.usefixtures("small_maps")
def test_a_large_catalogue_has_a_sitemap_in_parts(browser: Browser) -> None:
    products = [make_product(f"P{number}", 1) for number in range(3)]
    index = browser.get("/sitemap.xml").text
    assert "<sitemapindex " in index
    parts = re.findall("<sitemap><loc>http://localhost(/sitemap-.+)</loc></sitemap>", index)
    listed: list[str] = []
    for part in parts:
        found = re.findall("<url><loc>(.+)</loc></url>", browser.get(part).text)
        assert len(found) <= 2
        listed += found
    assert {f"http://localhost/products/{one}" for one in products} < set(listed)
    assert "http://localhost/" in listed
    assert len(listed) == len(set(listed))
    assert browser.get(f"/sitemap-{len(parts)}.xml").status_code == 404


def test_search_engines_find_products_and_leave_out_accounts(browser: Browser) -> None:
    product_id = make_product("EMMA", 1)
    robots = browser.get("/robots.txt")
    assert robots.mimetype == "text/plain"
    assert "Disallow: /account" in robots.text
    assert "Allow: /v1/pictures/" in robots.text  # products show them
    assert "Sitemap: http://localhost/sitemap.xml" in robots.text
    sitemap = browser.get("/sitemap.xml")
    assert f"<loc>http://localhost/products/{product_id}</loc>" in sitemap.text
    assert sitemap.mimetype == "application/xml"
    assert "Set-Cookie" not in sitemap.headers
