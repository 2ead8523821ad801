"""The account in a real browser: an authenticator app, and passkeys with Chromium's virtual authenticator."""

from collections.abc import Callable

import pytest

from tests.authenticator_app import AuthenticatorApp
from tests.conftest import Caller
from tests.web.browser.conftest import Visitor
from tests.web.browser.signing_in import enter

Visit = Callable[..., Visitor]
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def ada(visit: Visit, database: None, sign_in: Callable[..., Caller]) -> Visitor:
    """Ada, who has signed in, at `localhost`: a passkey belongs to a domain, which an IP address is not."""
    sign_in("ada")
    ada = visit()
    ada.url = ada.url.replace("127.0.0.1", "localhost")
    enter(ada, "ada")
    return ada


def test_a_passkey_is_added_and_signs_in_without_a_password(ada: Visitor) -> None:
    devtools = ada.page.context.new_cdp_session(ada.page)
    devtools.send("WebAuthn.enable")
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    ada.open("/account/passkeys")
    ada.follow("Add a passkey")
    ada.fill({"name": "My telephone"})
    ada.page.get_by_role("button", name="Make the passkey").click()
    ada.sees("The passkey is added.")
    ada.check()
    ada.follow("Sign out", "button")
    ada.open("/sign-in")
    ada.page.get_by_role("button", name="Use a passkey").click()
    ada.page.get_by_role("link", name="Account", exact=True).wait_for()
    ada.open("/account/passkeys")
    ada.sees("Last used:")
    ada.page.get_by_role("button", name="Delete My telephone").click()
    ada.sees("You have no passkey yet.")
    ada.check()
    ada.follow("Sign out", "button")
    ada.open("/sign-in")
    ada.page.get_by_role("button", name="Use a passkey").click()  # the device still has it
    ada.sees("This passkey was not accepted.")
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": made["authenticatorId"], "isUserVerified": False})
    ada.page.get_by_role("button", name="Use a passkey").click()
    ada.sees("Your browser has used no passkey.")
    ada.reported = [text for text in ada.reported if "422" not in text]  # Chromium reports the status
    ada.check()


def test_an_authenticator_app_is_set_up_and_asked_for(ada: Visitor) -> None:
    ada.open("/account/second-factor")
    ada.follow("Set it up", "button")
    assert ada.page.locator("svg.qr").bounding_box() is not None
    app = AuthenticatorApp(ada.page.locator("code.secret").inner_text().replace(" ", ""))
    ada.fill({"code": app.code_of(0)})  # not the earliest one, which may be over before the form is sent
    ada.follow("Switch it on", "button")
    assert ada.page.locator(".codes li").count() == 10
    assert ada.page.get_by_role("button", name="Print them").is_visible()
    [first] = ada.page.locator(".codes code").all_inner_texts()[:1]
    ada.follow("I have kept them")
    ada.follow("Sign out", "button")
    enter(ada, "ada")
    ada.sees("Second step")
    ada.check()
    ada.fill({"code": first})
    ada.page.locator("main").get_by_role("button", name="Sign in").click()
    ada.page.get_by_role("link", name="Account", exact=True).wait_for()
    ada.open("/account/second-factor")
    ada.sees("9 recovery codes are left.")
