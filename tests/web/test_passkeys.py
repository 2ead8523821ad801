"""Passkeys on the pages, with an authenticator in software."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from tests.software_authenticator import SoftwareAuthenticator
from tests.web.accounts import age_sessions, is_signed_in
from tests.web.conftest import Browser

PAGE = "/account/passkeys"


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("ada")


def add(browser: Browser, device: SoftwareAuthenticator, **changes: str) -> Any:
    [options] = re.findall(r'data-options="([^"]+)"', browser.get(f"{PAGE}/new").text)
    made = json.dumps(device.create(json.loads(unescape(options))))
    return browser.send(f"{PAGE}/new", {"name": "My telephone", "credential": made, **changes}, page=f"{PAGE}/new")


def enter(browser: Browser, device: SoftwareAuthenticator, **form: str) -> Any:
    answer: Any = browser.post("/v1/auth/passkeys/options").json
    form = {"credential": json.dumps(device.get(answer["public_key"])), **form}
    return browser.send("/sign-in/passkey", form, page="/sign-in")


def paths(browser: Browser) -> list[str]:
    return re.findall(r'action="(/account/passkeys/pky_\w+)"', browser.get(PAGE).text)


def test_a_passkey_is_added_and_signs_in(ada: Browser, browser: Browser) -> None:
    device = SoftwareAuthenticator()
    added = add(ada, device)
    assert (added.status_code, added.headers["Location"]) == (303, f"{PAGE}?done=passkey_added")
    page = ada.get(added.headers["Location"]).text
    assert ("My telephone" in page, "The passkey is added" in page, "Not used yet" in page) == (True, True, True)
    entered = enter(browser, device, next="/categories")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/categories")
    assert is_signed_in(browser)
    assert "Last used" in ada.get(PAGE).text


def test_what_is_no_passkey_is_refused(ada: Browser, browser: Browser) -> None:
    for credential in ("", "x", "[]", "{}", "[" * 100_000):
        page = ada.send(f"{PAGE}/new", {"name": "x", "credential": credential}, page=f"{PAGE}/new")
        assert (page.status_code, "could not be read" in page.text) == (422, True)
        page = browser.send("/sign-in/passkey", {"credential": credential}, page="/sign-in")
        assert (page.status_code, "could not be read" in page.text) == (422, True)
    elsewhere = add(ada, SoftwareAuthenticator(origin="https://evil.example"))
    assert (elsewhere.status_code, "could not be read" in elsewhere.text) == (422, True)
    assert add(ada, SoftwareAuthenticator(), name="").status_code == 422
    device = SoftwareAuthenticator()
    add(ada, device)
    again = add(ada, device)
    assert (again.status_code, "known already" in again.text) == (422, True)
    device.verified = False
    refused = enter(browser, device)
    assert (refused.status_code, "was not accepted" in refused.text) == (422, True)
    assert not is_signed_in(browser)


def test_a_passkey_is_renamed_and_deleted(ada: Browser, browser: Browser, signed_in: Callable[..., Browser]) -> None:
    device = SoftwareAuthenticator()
    add(ada, device)
    [path] = paths(ada)
    eve = signed_in("eve")
    for form in ("", "/delete"):
        assert eve.send(f"{path}{form}", {"name": "x"}).status_code == 404
    assert ada.send(path, {"name": ""}).status_code == 422
    renamed = ada.send(path, {"name": "The old telephone"})
    assert "The old telephone" in ada.get(renamed.headers["Location"]).text
    deleted = ada.send(f"{path}/delete")
    assert "You have no passkey yet." in ada.get(deleted.headers["Location"]).text
    refused = enter(browser, device)
    assert (refused.status_code, "was not accepted" in refused.text) == (422, True)


def test_adding_and_deleting_need_a_fresh_sign_in(ada: Browser) -> None:
    add(ada, SoftwareAuthenticator())
    [path] = paths(ada)
    age_sessions()
    assert ada.get(f"{PAGE}/new").headers["Location"] == f"/account/confirm?next={PAGE}/new"
    assert ada.send(f"{path}/delete").headers["Location"].startswith("/account/confirm")
    assert paths(ada) == [path]
