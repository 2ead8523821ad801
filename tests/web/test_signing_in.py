"""Registering, signing in and out, and password resets."""

import re
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from durable.ids import new_id
from models import accounts, carts
from models.core.database import transaction
from serving import limits
from settings import settings
from tests.conftest import PASSWORD
from tests.shopping import make_product
from tests.web.accounts import ACCOUNT, is_signed_in
from tests.web.conftest import Browser


def test_a_stranger_registers_and_the_basket_comes_along(browser: Browser) -> None:
    product_id = make_product("EMMA", 3)
    browser.send(f"/basket/{product_id}", {"quantity": "2"})
    made = browser.send("/register", {**ACCOUNT, "next": "/checkout"}, page="/register")
    assert (made.status_code, made.headers["Location"]) == (303, "/checkout")
    assert is_signed_in(browser)
    assert browser.get_cookie("basket") is None
    with transaction() as session:
        [user] = session.scalars(select(accounts.User)).all()
        assert (user.username, user.language) == ("ada", "en")
        assert carts.get_quantities(session, user.id) == {product_id: 2}
        [address] = session.scalars(accounts.list_addresses(user.id)).all()
        assert (address.country, address.is_default) == ("GB", True)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"username": "a b"}, "username", "Use 3 to 64 letters"),
        ({"email": "x"}, "email", "not an e-mail address"),
        ({"password": "short"}, "password", "Use 8 to 256 characters"),
        ({"password": "password123"}, "password", "too common"),
        ({"address.city": ""}, "address.city", "Please fill in"),
        ({"username": "taken"}, "username", "This username is taken"),
        ({"email": "taken@example.org"}, "email", "already an account"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_the_rest_is_kept(
    browser: Browser, sign_in: Callable[..., Any], change: dict[str, str], field: str, words: str
) -> None:
    sign_in("taken")
    page = browser.send("/register", {**ACCOUNT, **change}, page="/register")
    assert page.status_code == 422
    input_field = re.search(rf'<input[^>]*name="{re.escape(field)}"[^>]*>', page.text)
    assert input_field is not None
    assert 'aria-invalid="true"' in input_field[0]
    described = re.search(r'aria-describedby="(\S+)', input_field[0])
    assert described is not None
    error = re.search(rf'id="{described[1].strip(chr(34))}">(.*?)</p>', page.text)
    assert error is not None
    assert words in error[1]
    assert 'value="Lovelace"' in page.text
    assert PASSWORD not in page.text
    assert not is_signed_in(browser)


def test_a_customer_signs_in_is_led_back_and_signs_out(browser: Browser, sign_in: Callable[..., Any]) -> None:
    sign_in("ada")
    asked = browser.get("/account/orders?cursor=")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/sign-in?next=/account/orders?cursor%3D")
    wrong = browser.send("/sign-in", {"username": "ada", "password": "wrong"})
    assert (wrong.status_code, "The name or the password is not right." in wrong.text) == (422, True)
    right = {"username": "ada@example.org", "password": PASSWORD, "next": "/account/orders"}
    entered = browser.send("/sign-in", right)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/account/orders")
    cookie = browser.get_cookie("session")
    assert cookie is not None
    assert is_signed_in(browser)
    assert browser.send("/sign-out").status_code == 303
    assert not is_signed_in(browser)
    browser.set_cookie("session", cookie.value)
    assert not is_signed_in(browser)  # the session has ended, not only the cookie


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/"])
def test_signing_in_leads_to_no_other_site(browser: Browser, sign_in: Callable[..., Any], path: str) -> None:
    sign_in("ada")
    entered = browser.send("/sign-in", {"username": "ada", "password": PASSWORD, "next": path})
    assert entered.headers["Location"] == "/"
    forms = re.findall(r'name="next" value="([^"]*)"', browser.get(f"/sign-in?next={path}").text)
    assert all(not form or form.startswith("/sign-in?") for form in forms)


def test_guesses_are_throttled_together_with_those_at_the_api(browser: Browser, sign_in: Callable[..., Any]) -> None:
    sign_in("ada")
    for _ in range(5):
        browser.post("/v1/auth/login", json={"username": "ada", "password": "wrong"})
    answers = [browser.send("/sign-in", {"username": "ada", "password": "wrong"}) for _ in range(6)]
    assert answers[-1].status_code == 429
    assert "You can try again in" in answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("wanted", ["", "/checkout"])
def test_a_merged_basket_says_if_there_are_fewer_units_than_were_chosen(
    browser: Browser, signed_in: Callable[..., Browser], wanted: str
) -> None:
    product_id = make_product("EMMA", 3)
    signed_in("ada").send(f"/basket/{product_id}", {"quantity": "2"})
    browser.send(f"/basket/{product_id}", {"quantity": "2"})
    form = {"username": "ada", "password": PASSWORD, "next": wanted}
    entered = browser.send("/sign-in", form, page="/sign-in")
    assert entered.headers["Location"] == "/basket?merged=short"
    page = browser.get(entered.headers["Location"]).text
    assert ("there are not enough units" in page, 'value="3"' in page) == (True, True)


def test_a_session_that_ends_elsewhere_ends_here(browser: Browser, signed_in: Callable[..., Browser]) -> None:
    ada = signed_in("ada")
    assert is_signed_in(ada)
    login: Any = browser.post("/v1/auth/login", json={"username": "ada", "password": PASSWORD}).json
    browser.delete("/v1/me/sessions", headers={"Authorization": f"Bearer {login['access_token']}"})
    assert not is_signed_in(ada)


def test_the_cookie_is_no_access_token_and_an_access_token_no_cookie(
    browser: Browser, signed_in: Callable[..., Browser], sign_in: Callable[..., Any]
) -> None:
    cookie = signed_in("ada").get_cookie("session")
    assert cookie is not None
    assert browser.get("/v1/me", headers={"Authorization": f"Bearer {cookie.value}"}).status_code == 401
    assert signed_in("grace").get("/v1/me").status_code == 401  # the API takes no cookies
    browser.set_cookie("session", sign_in("eve").access_token)
    assert not is_signed_in(browser)


def test_the_second_factor_is_asked_for(browser: Browser, sign_in: Callable[..., Any]) -> None:
    caller = sign_in("ada")
    secret = caller.post("/v1/me/second-factor", json={}).json["secret"]
    totp = pyotp.TOTP(secret)
    codes = caller.post("/v1/me/second-factor/confirm", json={"code": totp.now()}).json["recovery_codes"]
    asked = browser.send("/sign-in", {"username": "ada", "password": PASSWORD, "next": "/categories"})
    assert (asked.status_code, "Second step" in asked.text) == (200, True)
    assert not is_signed_in(browser)
    challenge = re.search(r'name="challenge" value="([^"]+)"', asked.text)
    assert challenge is not None
    form = {"challenge": challenge[1], "next": "/categories"}
    for code in ("123", "000000", ""):
        wrong = browser.send("/sign-in/code", {**form, "code": code})
        assert (wrong.status_code, "This code is not right" in wrong.text) == (422, True), code
    forged = browser.send("/sign-in/code", {**form, "challenge": "x", "code": "000000"})
    assert (forged.status_code, "The sign-in took too long" in forged.text) == (422, True)
    entered = browser.send("/sign-in/code", {**form, "code": codes[0]})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/categories")
    assert is_signed_in(browser)


def test_a_forgotten_password_is_replaced(browser: Browser, sign_in: Callable[..., Any]) -> None:
    caller = sign_in("ada")
    for name in ("ada", "nobody"):
        sent = browser.send("/forgot-password", {"username": name})
        assert "If there is such an account" in browser.get(sent.headers["Location"]).text
    assert "data-from-address" in browser.get("/password").text
    wrong = browser.send("/password", {"token": "wrong", "new_password": "another horse battery"})
    assert (wrong.status_code, "not valid or has expired" in wrong.text) == (422, True)
    with transaction() as session:
        run_id = new_id("run")
        accounts.save_reset_token(session, run_id, caller.user_id)
        token = accounts.derive_reset_token(run_id)
    entered = browser.send("/password", {"token": token, "new_password": "another horse battery"})
    assert entered.status_code == 303
    assert is_signed_in(browser)


def test_limits_of_the_network_hold_for_pages(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "settings", settings.model_copy(update={"limit_mails": "1/1 hour"}))
    answers = [browser.send("/forgot-password", {"username": "ada"}).status_code for _ in range(3)]
    assert answers[-1] == 429
