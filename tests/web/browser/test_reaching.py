"""The phone number and push notifications in a real browser."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Playwright

from local.waiting import wait_until
from tests.chromium import MISSING, WHOLE_CHROMIUM
from tests.conftest import Caller
from tests.reaching import NUMBER, arrived, subscribe
from tests.serving import serving
from tests.shop import Shop
from tests.web.browser.conftest import FLAGS, Visitor, settings_of
from tests.web.browser.signing_in import enter

Visit = Callable[..., Visitor]
PAGE = "/account/push"
SUBSCRIBES = """subscription => {
    const subscribed = { endpoint: subscription.endpoint, toJSON: () => subscription, unsubscribe: async () => {
        sessionStorage.unsubscribed = "yes";
        return true;
    } };
    PushManager.prototype.subscribe = async (options) => {
        if (!options.userVisibleOnly) throw new Error("userVisibleOnly is missing");
        sessionStorage.pushKey = options.applicationServerKey;
        sessionStorage.subscribed = "yes";
        return subscribed;
    };
    PushManager.prototype.getSubscription = async () => (
        sessionStorage.subscribed && !sessionStorage.unsubscribed ? subscribed : null
    );
}"""
"""Chromium subscribes at its vendor's push service, which tests do not reach: that of the mailbox stands in."""


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    if WHOLE_CHROMIUM is None:
        pytest.skip(MISSING)
    browser = playwright.chromium.launch(executable_path=WHOLE_CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def site(shop: Shop, port: int) -> Iterator[str]:
    """The site, which knows where the mailbox is: its push service is in a private network."""
    mailbox = {"SHOP_MAILBOX_PORT": str(shop.mailbox.ports["http"]), "SHOP_SMTP_PORT": str(shop.mailbox.ports["smtp"])}
    with serving(shop.var, **settings_of(shop, port), **mailbox) as url:
        yield url


@pytest.fixture
def ada(visit: Visit, database: None, sign_in: Callable[..., Caller]) -> Visitor:
    sign_in("ada")
    ada = visit()
    enter(ada, "ada")
    return ada


def test_a_phone_number_is_confirmed_by_the_code_of_a_text_message(ada: Visitor, shop: Shop) -> None:
    ada.open("/account/notifications")
    ada.follow("Add the phone number")
    ada.fill({"number": "+49 151 23456789"})
    ada.follow("Send the code", "button")
    assert wait_until(lambda: bool(arrived(shop, "text")), 20, 0.1)
    [code] = re.findall(r"\b\d{6}\b", arrived(shop, "text")[0]["subject"])
    ada.fill({"code": f"{(int(code) + 1) % 10**6:06}"})
    ada.page.get_by_role("button", name="Confirm the number").click()
    ada.sees("4 attempts are left.")
    ada.reported = [text for text in ada.reported if "422" not in text]  # Chromium reports the status
    ada.check()
    assert ada.page.evaluate("document.activeElement.name") == "code"
    ada.fill({"code": code})
    ada.follow("Confirm the number", "button")
    ada.sees("Your phone number is confirmed.")
    ada.open("/account/notifications")
    ada.sees(f"Text messages go to {NUMBER}.")
    ada.open("/account/phone")
    ada.follow("Remove the number", "button")
    ada.sees("Your phone number is removed.")


def test_a_browser_that_blocks_notifications_says_what_to_do(ada: Visitor) -> None:
    ada.open(PAGE)
    ada.page.get_by_role("button", name="Allow them in this browser").click()  # Chromium without a window denies it
    ada.sees("Your browser blocks notifications of this shop.")
    ada.check()


def test_a_browser_that_cannot_subscribe_says_what_to_do(ada: Visitor) -> None:
    ada.page.context.grant_permissions(["notifications"])
    ada.open(PAGE)
    ada.page.get_by_role("button", name="Allow them in this browser").click()
    ada.sees("Your browser could not subscribe.")
    ada.reported = [text for text in ada.reported if "incognito" not in text]  # as the windows of tests are
    ada.check()
    scope = ada.page.evaluate("navigator.serviceWorker.getRegistration('/account/push/').then((one) => one.scope)")
    assert scope == f"{ada.url}/account/push/"


def test_a_browser_is_added_tested_and_removed(ada: Visitor, shop: Shop) -> None:
    key = requests.get(f"{ada.url}/v1/push-key", timeout=30).json()["public_key"]
    subscription = subscribe(shop.mailbox.url, key)
    ada.page.context.grant_permissions(["notifications"])
    ada.page.add_init_script(f"({SUBSCRIBES})({json.dumps(subscription)})")
    ada.open(PAGE)
    ada.page.get_by_role("button", name="Allow them in this browser").click()
    ada.sees("This browser gets push notifications from now on.")
    ada.page.get_by_text("this browser", exact=True).wait_for()
    ada.check()
    assert ada.page.evaluate("sessionStorage.pushKey") == key
    assert not ada.page.get_by_role("button", name="Allow them in this browser").is_visible()
    ada.page.get_by_role("button", name="Send a test").click()
    ada.sees("A notification is on its way.")
    assert wait_until(lambda: bool(arrived(shop, "push")), 20, 0.1)
    assert wait_until(lambda: bool(ada.page.reload()) and "Latest notification:" in ada.page.content(), 20, 0.2)
    assert notification(ada.page, ada.url) == ["Emma is here", "Now.", "note", "http://shop.example"]
    ada.page.get_by_text("this browser", exact=True).wait_for()  # the page has found out, and unsubscribes it
    ada.page.get_by_role("button", name="Remove").click()
    ada.sees("The browser is removed.")
    assert ada.page.evaluate("sessionStorage.unsubscribed") == "yes"
    ada.page.get_by_role("button", name="Allow them in this browser").wait_for()


def notification(page: Page, url: str) -> list[str]:
    """What the service worker shows when the push service delivers a message."""
    devtools = page.context.new_cdp_session(page)
    known: list[dict[str, Any]] = []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: known.extend(event["registrations"]))
    devtools.send("ServiceWorker.enable")
    assert wait_until(lambda: page.evaluate("1") == 1 and bool(known), 20, 0.1)
    [worker] = {one["registrationId"] for one in known if one["scopeURL"] == f"{url}/account/push/"}
    data = '{"title": "Emma is here", "body": "Now.", "tag": "note", "url": "http://shop.example"}'
    devtools.send("ServiceWorker.deliverPushMessage", {"origin": url, "registrationId": worker, "data": data})
    shown = """async () => {
        const registration = await navigator.serviceWorker.getRegistration("/account/push/");
        return (await registration.getNotifications()).map((one) => [one.title, one.body, one.tag, one.data.url]);
    }"""
    assert wait_until(lambda: bool(page.evaluate(shown)), 20, 0.1)
    found: list[list[str]] = page.evaluate(shown)
    return found[0]
