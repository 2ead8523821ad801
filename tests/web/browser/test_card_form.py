"""The checkout with Stripe's Payment Element, in a real browser, with a stand-in for Stripe."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Playwright

from tests.chromium import CHROMIUM
from tests.conftest import Caller
from tests.serving import serving
from tests.shop import Shop
from tests.web.browser.books import fill_shelves
from tests.web.browser.conftest import FLAGS, Visitor, settings_of
from tests.web.browser.looks import FOLDER, LOOKS
from tests.web.browser.signing_in import sign_in_as
from tests.web.browser.stripe_js import HOSTS, standing_in

Open = Callable[..., Visitor]


@pytest.fixture
def books(database: None) -> dict[str, str]:
    return fill_shelves()


@pytest.fixture(scope="module")
def site(shop: Shop, port: int) -> Iterator[str]:
    """A shop that takes cards with the form of Stripe."""
    with serving(shop.var, **settings_of(shop, port), SHOP_STRIPE_PUBLISHABLE_KEY="pk_test_standin") as url:
        yield url


@pytest.fixture
def visit(
    site: str, shop: Shop, tmp_path: Path, playwright: Playwright, axe: str, books: dict[str, str]
) -> Iterator[Open]:
    """Opens a browser window of its own. `has_stripe=False`: Stripe cannot be reached."""
    with ExitStack() as exits:
        stripe = exits.enter_context(standing_in(tmp_path, shop.gateway.url))

        def open_window(*, has_stripe: bool = True, width: int = 1200, **options: Any) -> Visitor:
            where = f"127.0.0.1:{stripe if has_stripe else 9}"
            rules = ", ".join(f"MAP {host}:443 {where}" for host in HOSTS)
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*FLAGS, f"--host-resolver-rules={rules}"]
            )
            exits.callback(browser.close)
            context = browser.new_context(viewport={"width": width, "height": 900}, ignore_https_errors=True, **options)
            return Visitor(context.new_page(), site, axe)

        yield open_window


def check_out(visitor: Visitor, book: str) -> None:
    visitor.page.goto(f"{visitor.url}/products/{book}")
    visitor.page.get_by_role("button", name="Add to basket").click()
    visitor.page.get_by_role("link", name="Checkout").click()
    if "/sign-in" in visitor.page.url:
        sign_in_as(visitor, "ada")
    visitor.page.wait_for_url(re.compile(r"^[^?]*/checkout$"))


def see_card_form(visitor: Visitor) -> Locator:
    """The frame of Stripe, once it has said that it is ready."""
    frame = visitor.page.locator("#card-form iframe")
    frame.wait_for()
    visitor.page.locator("#card-state").wait_for(state="hidden")
    return frame


def enter_card(visitor: Visitor, number: str, expiry: str = "12 / 40", cvc: str = "123") -> None:
    frame = visitor.page.frame_locator("#card-form iframe")
    frame.get_by_label("Card number").fill(number)
    frame.get_by_label("Expiration date").fill(expiry)
    frame.get_by_label("Security code").fill(cvc)


def buy(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Buy now").click()


def placed(visitor: Visitor) -> None:
    visitor.page.wait_for_url(re.compile(r"/orders/ord_\w{32}$"))


def test_a_card_is_validated_declined_and_another_one_accepted(
    visit: Open, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    ada = visit()
    check_out(ada, books["Walden"])
    card = ada.page.get_by_label("Card", exact=True)
    see_card_form(ada)
    assert card.is_checked()
    ada.check()
    buy(ada)
    fault = ada.page.get_by_role("alert").filter(has_text="Your card number is incomplete.")
    fault.wait_for()
    enter_card(ada, "4242 4242 4242 4241")
    buy(ada)
    ada.sees("Your card number is incorrect.")
    ada.check()
    enter_card(ada, "4000 0000 0000 9995")
    buy(ada)
    placed(ada)
    ada.sees("There is not enough money on the card.")
    ada.follow("Try another way to pay")
    see_card_form(ada)
    enter_card(ada, "4242 4242 4242 4242")
    ada.page.get_by_role("button", name="Buy now").dblclick()
    placed(ada)
    ada.sees("Your order is confirmed")
    ada.check()
    ada.open("/account/orders")
    assert ada.page.locator(".card").count() == 2


def test_a_card_is_confirmed_on_the_page_of_the_bank(
    visit: Open, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    ada = visit(locale="de-DE", color_scheme="dark")
    ada.page.goto(f"{ada.url}/products/{books['Emma']}")
    ada.follow("In den Warenkorb", "button")
    ada.follow("Zur Kasse")
    sign_in_as(ada, "ada", "Anmelden")
    see_card_form(ada)
    ada.check()
    enter_card(ada, "4000000000003220")
    ada.page.get_by_role("button", name="Jetzt kaufen").click()
    placed(ada)
    order = ada.page.url
    ada.page.get_by_role("link", name="Zahlung bestätigen").click()
    ada.page.get_by_role("button", name="Complete").click()
    ada.page.wait_for_url(order)
    ada.sees("Ihre Bestellung ist bestätigt")
    ada.check()


def test_without_stripe_or_javascript_the_page_says_so_and_offers_paypal(
    visit: Open, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    for options in ({"has_stripe": False}, {"java_script_enabled": False}):
        ada = visit(**options)
        check_out(ada, books["Walden"])
        ada.sees("To pay by card, your browser needs JavaScript and a connection to Stripe")
        ada.sees("You can pay with PayPal instead.")
        ada.page.get_by_label("Card", exact=True).and_(ada.page.locator(":disabled")).wait_for()
        assert ada.page.get_by_label("PayPal").is_checked()
        if "has_stripe" in options:
            ada.check()
        buy(ada)
        placed(ada)
        ada.page.get_by_role("link", name="Confirm the payment").click()
        ada.page.get_by_role("button").first.click()
        ada.sees("Your order is confirmed")


def test_paypal_can_be_chosen_beside_the_card_form(
    visit: Open, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    ada = visit()
    check_out(ada, books["Walden"])
    frame = see_card_form(ada)
    ada.page.get_by_label("PayPal").check()
    assert not frame.is_visible()
    ada.check()
    buy(ada)
    placed(ada)
    ada.sees("Please confirm the payment")


def test_only_the_checkout_may_load_from_stripe(
    visit: Open, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    ada = visit()
    asked: list[str] = []
    ada.page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/products", f"/products/{books['Emma']}", "/basket", "/sign-in"):
        answer = ada.page.goto(f"{ada.url}{path}")
        assert answer is not None
        assert "stripe" not in answer.headers["content-security-policy"]
    assert [url for url in asked if "stripe" in url] == []
    check_out(ada, books["Emma"])
    answer = ada.page.reload()
    assert answer is not None
    allowed = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    stripe = {name: sources for name, sources in allowed.items() if "stripe" in sources}
    assert stripe == {
        "script-src": "'self' https://js.stripe.com https://*.js.stripe.com",
        "frame-src": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
        "connect-src": "'self' https://api.stripe.com",
    }


@pytest.mark.skipif(not FOLDER, reason="run by `make screenshots`")
def test_the_card_form_in_three_widths_light_and_dark(
    visit: Open, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    for width, scheme in LOOKS:
        for has_stripe in (True, False):
            ada = visit(has_stripe=has_stripe, width=width, color_scheme=scheme)
            check_out(ada, books["Walden"])
            if has_stripe:
                see_card_form(ada)
                buy(ada)
            ada.sees("Your card number is incomplete." if has_stripe else "To pay by card")
            folder = Path(FOLDER) / f"{width}-{scheme}"
            ada.page.screenshot(path=folder / f"card-{'form' if has_stripe else 'missing'}.png", full_page=True)
