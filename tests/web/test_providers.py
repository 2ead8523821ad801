"""Signing in by OpenID Connect on the pages, against the provider of the sandbox."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import func, select

from models import accounts
from models.core.database import transaction
from serving import identity as shared
from tests.authenticator_app import enrol
from tests.conftest import PASSWORD
from tests.identity_provider import ADA, at_provider, finish, known_settings, provider, sandbox, spoil
from tests.servers import Server
from tests.web.accounts import age_sessions, is_signed_in
from tests.web.conftest import Browser

__all__ = ["provider", "sandbox"]
START, PAGE = "/sign-in/with/example", "/account/identities"


def arrive(browser: Browser, user: dict[str, str] = ADA, **query: str) -> Any:
    """Signs in at the provider, and follows it back."""
    begun = browser.get(START, query_string=query)
    assert begun.status_code == 303, begun.text
    answer = requests.post(begun.headers["Location"], data=user, allow_redirects=False, timeout=30)
    back = urlsplit(answer.headers["Location"])
    assert back.path == "/signed-in"
    return browser.get(f"{back.path}?{back.query}")


def count_users() -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(accounts.User)).one()


def test_a_stranger_signs_in_and_is_known_the_next_time(browser: Browser, app: Any, provider: Server) -> None:
    assert "Sign in with Example ID" in browser.get("/sign-in").text
    entered = arrive(browser, next="/categories")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/categories")
    assert is_signed_in(browser)
    other = app.test_client()
    assert arrive(other).headers["Location"] == "/"
    assert is_signed_in(other)
    assert count_users() == 1
    page = browser.get(PAGE).text
    assert ("Example ID" in page, "ada@example.org" in page, "Linked accounts" in page) == (True, True, True)


def test_a_return_that_began_in_another_browser_signs_nobody_in(browser: Browser, app: Any, provider: Server) -> None:
    begun = app.test_client().get(START)
    answer = requests.post(begun.headers["Location"], data=ADA, allow_redirects=False, timeout=30)
    back = urlsplit(answer.headers["Location"])
    for _ in range(2):
        page = browser.get(f"{back.path}?{back.query}")
        assert (page.status_code, "Please start again" in page.text) == (422, True)
        browser.get(START)  # a sign-in of its own, with another state
    assert not is_signed_in(browser)
    assert count_users() == 0


def test_who_refuses_at_the_provider_is_told(browser: Browser, provider: Server) -> None:
    page = arrive(browser, {"error": "access_denied"}, next="/categories")
    assert (page.status_code, "You have not signed in at Example ID." in page.text) == (422, True)
    assert 'name="next" value="/categories"' in page.text
    unverified = arrive(browser, {"sub": "x", "email": "x@example.org"})
    assert (unverified.status_code, "has not verified your e-mail address" in unverified.text) == (422, True)
    spoil(provider, "forged")
    forged = arrive(browser)
    assert (forged.status_code, "did not confirm your sign-in" in forged.text) == (422, True)
    spoil(provider, "500")
    assert arrive(browser).status_code == 503
    assert browser.get("/sign-in/with/other").status_code == 404
    assert not is_signed_in(browser)


def test_an_account_with_that_address_is_linked_by_its_owner(
    browser: Browser, provider: Server, sign_in: Callable[..., Any]
) -> None:
    sign_in("ada")
    asked = arrive(browser)
    assert asked.headers["Location"] == "/sign-in?next=/account/identities/link&link=1"
    assert "There is an account with your e-mail address already." in browser.get(asked.headers["Location"]).text
    form = {"username": "ada", "password": PASSWORD, "next": f"{PAGE}/link"}
    assert browser.send("/sign-in", form, page="/sign-in").headers["Location"] == f"{PAGE}/link"
    assert "at Example ID as ada@example.org" in browser.get(f"{PAGE}/link").text
    linked = browser.send(f"{PAGE}/link", page=f"{PAGE}/link")
    assert "The account is linked." in browser.get(linked.headers["Location"]).text
    assert browser.get(f"{PAGE}/link").headers["Location"] == PAGE  # there is nothing to link any more
    browser.send("/sign-out")
    assert arrive(browser).headers["Location"] == "/"
    assert is_signed_in(browser)
    assert count_users() == 1


def test_somebody_else_cannot_link_it(
    browser: Browser, provider: Server, sign_in: Callable[..., Any], signed_in: Callable[..., Browser]
) -> None:
    sign_in("ada")
    eve = signed_in("eve")
    assert arrive(eve, link="1").headers["Location"] == f"{PAGE}/link"
    page = eve.send(f"{PAGE}/link", page=f"{PAGE}/link")
    assert (page.status_code, "the address is that of another account" in page.text) == (422, True)
    other = arrive(eve, {**ADA, "sub": "new", "email": "new@example.org"}, link="1")
    assert "has another e-mail address" in eve.get(other.headers["Location"]).text
    assert count_users() == 2


def test_an_identity_is_linked_from_the_account_and_unlinked(
    signed_in: Callable[..., Browser], provider: Server
) -> None:
    ada = signed_in("ada")
    assert "Link Example ID" in ada.get(PAGE).text
    assert arrive(ada, link="1").headers["Location"] == f"{PAGE}/link"
    age_sessions()
    assert 'name="current_password"' in ada.get(f"{PAGE}/link").text
    assert ada.send(f"{PAGE}/link", page=f"{PAGE}/link").headers["Location"].startswith("/account/confirm")
    wrong = ada.send(f"{PAGE}/link", {"current_password": "wrong"}, page=f"{PAGE}/link")
    assert (wrong.status_code, "is not right" in wrong.text) == (422, True)
    assert ada.send(f"{PAGE}/link", {"current_password": PASSWORD}, page=f"{PAGE}/link").status_code == 303
    again = arrive(ada, link="1")
    assert "This account is linked already." in ada.get(again.headers["Location"]).text
    [path] = re.findall(rf'action="({PAGE}/idn_\w+/unlink)"', ada.get(PAGE).text)
    assert ada.send(path).headers["Location"].startswith("/account/confirm")
    ada.send("/account/confirm", {"password": PASSWORD})
    assert signed_in("eve").send(path).status_code == 404
    unlinked = ada.send(path)
    assert "The account is not linked any more." in ada.get(unlinked.headers["Location"]).text


def test_the_second_factor_is_asked_for(browser: Browser, provider: Server, sign_in: Callable[..., Any]) -> None:
    caller = sign_in("ada")
    _, codes = enrol(caller)
    begun: Any = caller.post("/v1/auth/oidc/example/start", json={}).json
    refused: Any = finish(browser, at_provider(begun, ADA)).json
    assert caller.post("/v1/me/identities", json={"link_token": refused["link_token"]}).status_code == 201
    asked = arrive(browser, next="/categories")
    assert (asked.status_code, "Second step" in asked.text, is_signed_in(browser)) == (200, True, False)
    challenge = re.search(r'name="challenge" value="([^"]+)"', asked.text)
    assert challenge is not None
    assert 'name="next" value="/categories"' in asked.text
    form = {"challenge": challenge[1], "next": "/categories", "code": codes[0]}
    assert browser.send("/sign-in/code", form).headers["Location"] == "/categories"


def test_a_provider_that_returns_elsewhere_has_no_button(
    browser: Browser, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = known_settings().model_copy(update={"oidc_return_urls": "https://app.example/callback"})
    monkeypatch.setattr(shared, "settings", elsewhere)
    assert "Example ID" not in browser.get("/sign-in").text
    assert browser.get(START).status_code == 404
