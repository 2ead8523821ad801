"""Customers on their way through the shop, in a real browser."""

import re
from collections.abc import Callable

import pytest

from tests.carrying import move
from tests.conftest import PASSWORD, Caller
from tests.shop import Shop
from tests.web.accounts import ACCOUNT
from tests.web.browser.books import fill_shelves
from tests.web.browser.buying import pay
from tests.web.browser.conftest import Visitor
from tests.web.browser.selling import at_the_desk, bring, complete, look_again, order_of, ship
from tests.web.browser.signing_in import sign_in_as

Visit = Callable[..., Visitor]
FOCUSED = """() => {
  const element = document.activeElement;
  return {text: element.innerText.trim(), outline: getComputedStyle(element).outlineStyle};
}"""
"""The text of the element with the focus, and whether it can be seen."""


@pytest.fixture
def books(database: None) -> dict[str, str]:
    return fill_shelves()


def test_a_stranger_finds_a_book_registers_pays_with_3d_secure_and_follows_the_order_to_the_door(
    visit: Visit, books: dict[str, str], shop: Shop, sign_in: Callable[..., Caller]
) -> None:
    ada = visit()
    ada.page.clock.install()
    ada.open("/")
    ada.search("emm")
    suggestion = ada.page.locator("#suggestions a", has_text="Emma")
    suggestion.wait_for()
    ada.check()
    suggestion.click()
    ada.page.wait_for_url(f"**/products/{books['Emma']}")
    ada.check()
    ada.follow("Add to basket", "button")
    ada.sees("“Emma” is in your basket.")
    ada.follow("Checkout")
    ada.follow("Open an account")
    ada.fill(ACCOUNT)
    ada.follow("Open an account", "button")
    ada.page.wait_for_url(re.compile(r"^[^?]*/checkout$"))
    pay(ada, "(3-D Secure)")
    ada.sees("Please confirm the payment")  # by the stream: the page was not loaded again
    ada.check()
    ada.page.get_by_role("link", name="Confirm the payment").click()
    ada.page.get_by_role("button", name="Complete").click()
    ada.page.wait_for_url("**/orders/*")
    ada.sees("Your order is confirmed")
    assert ada.page.locator(".step-done").count() >= 4
    ada.check()
    complete(order_of(ada))
    sign_in("packer", "warehouse")
    packer = at_the_desk(visit, "packer")
    packer.follow(ada.page.locator("h1").inner_text().removeprefix("Order "))
    ship(packer)
    look_again(ada, "Your order is on its way")
    code = ada.page.locator(".card", has_text="Parcel 1 is on its way.").get_by_role("link").inner_text()
    ada.check()
    for status in ("in_transit", "out_for_delivery", "delivered"):
        move(shop.carrier, code, status)
    look_again(ada, "Your order has arrived")
    ada.sees("Parcel 1 has arrived.")
    assert (ada.page.locator(".step-done").count(), ada.page.locator(".step-later, .step-now").count()) == (7, 0)
    ada.check()
    ada.open("/account/orders")
    ada.sees("delivered")


def test_a_declined_card_and_then_another(visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller]) -> None:
    sign_in("ada")
    ada = visit()
    ada.open(f"/products/{books['Walden']}")
    ada.follow("Add to basket", "button")
    ada.follow("Checkout")
    sign_in_as(ada, "ada")
    ada.page.wait_for_url(re.compile(r"^[^?]*/checkout$"))
    pay(ada, "has no money left")
    ada.sees("Your payment was declined.")
    ada.check()
    ada.follow("Try another way to pay")
    pay(ada, "works")
    ada.sees("Your order is confirmed")
    ada.check()


def test_paypal_leads_there_and_back(visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller]) -> None:
    sign_in("ada")
    ada = visit()
    ada.open(f"/products/{books['Walden']}")
    ada.follow("Add to basket", "button")
    ada.follow("Checkout")
    sign_in_as(ada, "ada")
    pay(ada, "PayPal")
    ada.page.get_by_role("link", name="Confirm the payment").click()
    ada.page.get_by_role("button").first.click()
    ada.page.wait_for_url("**/orders/*")
    ada.sees("Your order is confirmed")
    ada.check()


def test_the_basket_of_a_guest_is_merged_at_the_sign_in(
    visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    elsewhere, here = visit(), visit()
    for visitor, title in ((elsewhere, "Emma"), (here, "Walden")):
        visitor.open(f"/products/{books[title]}")
        visitor.follow("Add to basket", "button")
        visitor.open("/sign-in")
        sign_in_as(visitor, "ada")
    here.sees("What you had chosen before signing in is now in your basket.")
    assert here.page.locator(".line-name a").all_inner_texts() == ["Emma", "Walden"]
    here.check()


def test_everything_works_without_javascript(
    visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    ada = visit(java_script_enabled=False)
    ada.page.goto(f"{ada.url}/")
    ada.page.get_by_role("searchbox").fill("walden")
    ada.page.get_by_role("searchbox").press("Enter")
    ada.page.get_by_role("link", name="Walden").first.click()
    ada.page.get_by_role("button", name="Add to basket").click()
    ada.page.get_by_label("Language").select_option("de")
    ada.page.get_by_role("button", name="Choose").click()
    ada.sees("Warenkorb")
    ada.page.get_by_label("Sprache").select_option("en")
    ada.page.get_by_role("button", name="Wählen").click()
    ada.page.get_by_role("link", name="Checkout").click()
    sign_in_as(ada, "ada")
    pay(ada, "works")
    ada.sees("Your order is confirmed")  # the page refreshes itself
    ada.page.get_by_role("link", name="Cancel the order …").click()
    ada.page.get_by_role("button", name="Cancel the order").click()
    ada.sees("You have cancelled it.")
    ada.page.get_by_role("link", name="Walden").click()
    ada.page.get_by_role("button", name="Add to basket").click()
    ada.page.get_by_role("link", name="Checkout").click()
    pay(ada, "works")
    ada.sees("Your order is confirmed")
    bring(ada.page.url.rpartition("/")[2])
    ada.page.reload()
    ada.sees("Your order has arrived")
    ada.page.get_by_role("link", name="Send something back").click()
    ada.page.get_by_label("Why do you send it back?").fill("The cover is torn")
    ada.page.get_by_role("button", name="Request the return").click()
    ada.sees("We have received your request.")
    assert ada.reported == []


def test_a_german_on_a_small_screen(visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller]) -> None:
    sign_in("ada")
    ada = visit(width=320, height=700, locale="de-DE", color_scheme="dark")
    for path in ("/", "/products", "/products?q=the", f"/products/{books['Emma']}", "/categories", "/register"):
        ada.open(path)
    ada.open(f"/products/{books['Emma']}")
    ada.sees("8,90")
    ada.follow("In den Warenkorb", "button")
    ada.follow("Zur Kasse")
    sign_in_as(ada, "ada", "Anmelden")
    ada.check()
    pay(ada, "wird angenommen", "Jetzt kaufen")
    ada.sees("Ihre Bestellung ist bestätigt")
    ada.check()
    for page in ("", "/orders", "/addresses", "/notifications", "/password", "/sessions", "/data"):
        ada.open(f"/account{page}")


def test_the_keyboard_suffices(visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller]) -> None:
    sign_in("ada")
    ada = visit()
    ada.page.clock.install()
    ada.open("/")
    press = ada.page.keyboard.press
    press("Tab")
    assert ada.page.locator(":focus").inner_text() == "Skip to the content"
    press("Enter")
    press("Tab")
    assert ada.page.locator(":focus").inner_text().startswith("See all products")
    ada.search("walden")
    ada.page.locator("#suggestions a").first.wait_for()
    press("ArrowDown")
    press("Enter")
    ada.page.wait_for_url(f"**/products/{books['Walden']}")
    reach(ada, "Add to basket")
    press("Enter")
    ada.page.wait_for_url(re.compile("/basket"))
    reach(ada, "Checkout")
    press("Enter")
    ada.page.wait_for_url(re.compile("/sign-in"))
    ada.page.locator("[name=username]").focus()
    ada.page.keyboard.type("ada")
    press("Tab")
    ada.page.keyboard.type(PASSWORD)
    press("Enter")
    ada.page.wait_for_url(re.compile(r"^[^?]*/checkout$"))
    reach(ada, "Buy now")
    press("Enter")
    ada.sees("Your order is confirmed")
    ada.check()
    bring(ada.page.url.rpartition("/")[2])
    look_again(ada, "Your order has arrived")
    reach(ada, "Send something back")
    press("Enter")
    ada.page.wait_for_url(re.compile("/return$"))
    ada.check()


def reach(visitor: Visitor, text: str) -> None:
    """Presses Tab until the element with this text has the focus, which must be visible."""
    visitor.page.wait_for_load_state()
    for _ in range(60):
        visitor.page.keyboard.press("Tab")
        found = visitor.page.evaluate(FOCUSED)
        if found["text"] == text:
            assert found["outline"] == "solid"
            return
    raise AssertionError(f"{text} cannot be reached")


def test_filters_change_the_list_and_the_address(visit: Visit, books: dict[str, str]) -> None:
    ada = visit()
    ada.open("/products")
    assert ada.page.locator(".tile").count() == 8
    with ada.page.expect_response("**/products?*"):
        ada.page.get_by_label("Only in stock").check()
    ada.page.wait_for_url("**in_stock=true**")
    assert ada.page.locator(".tile").count() == 7
    with ada.page.expect_response("**/products?*"):
        ada.page.get_by_label("Sorted by").select_option("price")
    ada.page.wait_for_url("**sort=price**")
    assert ada.page.locator(".tile-title").first.inner_text() == "Frankenstein"
    ada.check()
    ada.page.reload()
    assert ada.page.locator(".tile-title").first.inner_text() == "Frankenstein"
    ada.page.go_back()
    ada.page.wait_for_url(re.compile(r"sort=-created_at"))
    ada.page.wait_for_load_state("networkidle")
    assert ada.page.locator(".tile-title").first.inner_text() == "Frankenstein"
    ada.check()


def test_wrong_input_gets_the_focus(visit: Visit, books: dict[str, str]) -> None:
    ada = visit()
    ada.open("/register")
    ada.fill({**ACCOUNT, "username": "a b"})
    ada.page.evaluate("document.querySelector('main form').noValidate = true")
    ada.page.locator("main").get_by_role("button", name="Open an account").click()
    ada.page.wait_for_load_state()
    assert ada.page.locator(":focus").get_attribute("name") == "username"
    ada.reported = [text for text in ada.reported if "422" not in text]  # Chromium reports the status
    ada.check()
