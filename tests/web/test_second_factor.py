"""The second factor on the pages."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.authenticator_app import AuthenticatorApp
from tests.conftest import PASSWORD
from tests.web.accounts import age_sessions
from tests.web.conftest import Browser

PAGE = "/account/second-factor"


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("ada")


def send(browser: Browser, path: str = "", **form: str) -> Any:
    return browser.send(f"{PAGE}{path}", form, page=PAGE)


def codes_in(page: Any) -> list[str]:
    return re.findall(r"<li><code>([\w-]+)</code></li>", page.text)


def set_up(browser: Browser) -> tuple[AuthenticatorApp, list[str]]:
    shown = send(browser)
    [secret] = re.findall(r'<code class="secret">([A-Z2-7 ]+)</code>', shown.text)
    app = AuthenticatorApp(secret.replace(" ", ""))
    code = app.code()
    confirmed = send(browser, "/confirm", code=f"{code[:3]} {code[3:]}")
    assert confirmed.status_code == 200
    return app, codes_in(confirmed)


def test_an_app_is_set_up_and_then_asked_for(ada: Browser, browser: Browser) -> None:
    shown = send(ada)
    assert re.search(r'<svg [^>]*class="qr"[^>]*><title>QR code for your authenticator app</title>', shown.text)
    assert "viewBox=" in shown.text  # so that it fits into small windows as a whole
    assert re.findall(r"\sstyle=|<style|<script(?![^>]*src=)", shown.text) == []
    assert 'id="language"' not in shown.text  # another page would lose the key
    _, codes = set_up(ada)
    assert len(codes) == 10
    assert "10 recovery codes are left." in ada.get(PAGE).text
    assert codes[0] not in ada.get(PAGE).text
    asked = browser.send("/sign-in", {"username": "ada", "password": PASSWORD})
    assert "Second step" in asked.text


def test_a_wrong_code_enables_nothing(ada: Browser) -> None:
    [secret] = re.findall(r'<code class="secret">([A-Z2-7 ]+)</code>', send(ada).text)
    for code in (AuthenticatorApp(secret.replace(" ", "")).wrong_code(), "12345", "", "aaaa-aaaa-aaaa-aaaa"):
        page = send(ada, "/confirm", code=code)
        assert (page.status_code, "This code is not right" in page.text) == (422, True), code
    assert "switched on" not in ada.get(PAGE).text


def test_recovery_codes_are_renewed(ada: Browser) -> None:
    app, old = set_up(ada)
    wrong = send(ada, "/recovery-codes", code=app.wrong_code())
    assert (wrong.status_code, "This code is not right" in wrong.text) == (422, True)
    renewed = send(ada, "/recovery-codes", code=app.code())
    new = codes_in(renewed)
    assert (len(new), set(new) & set(old)) == (10, set())
    assert send(ada, "/disable", code=old[0]).status_code == 422


def test_it_is_switched_off_with_a_recovery_code(ada: Browser) -> None:
    _, codes = set_up(ada)
    done = send(ada, "/disable", code=codes[0])
    assert (done.status_code, done.headers["Location"]) == (303, f"{PAGE}?done=second_factor_disabled")
    assert "Signing in needs no code any more." in ada.get(done.headers["Location"]).text
    page = send(ada, "/disable", code=codes[1])
    assert (page.status_code, "No second factor is enabled" in page.text) == (422, True)


def test_a_stale_sign_in_needs_the_password(ada: Browser) -> None:
    age_sessions()
    assert 'name="current_password"' in ada.get(PAGE).text
    assert send(ada).headers["Location"].startswith("/account/confirm")
    wrong = send(ada, current_password="wrong")
    assert (wrong.status_code, "is not right" in wrong.text) == (422, True)
    assert 'class="secret"' in send(ada, current_password=PASSWORD).text


def test_guesses_are_throttled(ada: Browser) -> None:
    app, _ = set_up(ada)
    answers = [send(ada, "/disable", code=app.wrong_code()).status_code for _ in range(6)]
    assert answers[-1] == 429
