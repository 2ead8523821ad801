"""What goes wrong between the basket and the order: sold out, two tabs, Back, a double click, PayPal's Cancel."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from models import inventory
from models.core.database import transaction
from tests.conftest import Caller
from tests.shopping import make_product
from tests.web.browser.books import fill_shelves
from tests.web.browser.buying import pay
from tests.web.browser.conftest import Visitor
from tests.web.browser.selling import complete, order_of
from tests.web.browser.signing_in import sign_in_as

Visit = Callable[..., Visitor]


@pytest.fixture
def books(database: None) -> dict[str, str]:
    return fill_shelves()


@pytest.fixture
def ada(visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller]) -> Visitor:
    """A customer who has signed in."""
    sign_in("ada")
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/sign-in")
    sign_in_as(visitor, "ada")
    return visitor


def check_out(visitor: Visitor, book: str) -> None:
    """Goes to the checkout with this book in the basket."""
    visitor.page.goto(f"{visitor.url}/products/{book}")
    visitor.page.get_by_role("button", name="Add to basket").click()
    visitor.page.get_by_role("link", name="Checkout").click()
    visitor.page.wait_for_url(re.compile(r"^[^?]*/checkout$"))


def expect_orders(visitor: Visitor, number: int) -> None:
    visitor.page.goto(f"{visitor.url}/account/orders")
    expect(visitor.page.locator(".card")).to_have_count(number)
    visitor.check()


def test_sold_out_between_the_basket_and_the_order(ada: Visitor, books: dict[str, str]) -> None:
    check_out(ada, books["Micrographia"])
    with transaction() as session:
        inventory.adjust(session, books["Micrographia"], -1, "lost")
    pay(ada, "works")
    ada.sees("There are not as many units left as you wanted.")
    ada.sees("You were not charged.")
    ada.check()
    ada.follow("To the basket")
    ada.sees("Sold out. Please remove it.")
    expect(ada.page.get_by_role("link", name="Checkout")).to_have_count(0)
    ada.page.get_by_role("button", name=re.compile("^Remove")).click()
    ada.sees("Your basket is empty.")
    ada.check()


def test_two_tabs_place_one_order(ada: Visitor, books: dict[str, str]) -> None:
    check_out(ada, books["Walden"])
    other = Visitor(ada.page.context.new_page(), ada.url, ada.axe)
    other.open("/checkout")
    pay(ada, "works")
    ada.sees("Your order is confirmed")
    complete(order_of(ada))
    other.page.get_by_label("works").check()
    other.page.get_by_role("button", name="Buy now").click()
    other.sees("Your basket is empty.")
    expect_orders(ada, 1)


def test_another_tab_leads_to_the_order_that_waits_for_its_payment(ada: Visitor, books: dict[str, str]) -> None:
    check_out(ada, books["Walden"])
    pay(ada, "(3-D Secure)")
    ada.sees("Please confirm the payment")
    order = ada.page.url
    other = Visitor(ada.page.context.new_page(), ada.url, ada.axe)
    other.open("/checkout")
    pay(other, "works")
    assert other.page.url == order
    other.check()
    ada.page.get_by_role("link", name="Confirm the payment").click()
    ada.page.get_by_role("button", name="Complete").click()
    ada.page.wait_for_url(order)
    ada.sees("Your order is confirmed")
    other.sees("Your order is confirmed")
    expect_orders(ada, 1)


def test_the_back_button_after_the_order_does_not_order_again(ada: Visitor, books: dict[str, str]) -> None:
    check_out(ada, books["Walden"])
    pay(ada, "(3-D Secure)")
    ada.sees("Please confirm the payment")
    order = ada.page.url
    ada.page.go_back()
    ada.page.wait_for_url(re.compile(r"/checkout$"))
    pay(ada, "works")  # the basket still has what is being ordered
    assert ada.page.url == order
    ada.page.get_by_role("link", name="Confirm the payment").click()
    ada.page.get_by_role("button", name="Complete").click()
    ada.sees("Your order is confirmed")
    complete(order_of(ada))
    ada.page.goto(f"{ada.url}/checkout")
    ada.sees("Your basket is empty.")
    ada.check()
    expect_orders(ada, 1)


@pytest.mark.parametrize("has_script", [True, False])
def test_a_double_click_places_one_order(
    visit: Visit, books: dict[str, str], sign_in: Callable[..., Caller], has_script: bool
) -> None:
    sign_in("ada")
    ada = visit(java_script_enabled=has_script)
    ada.page.goto(f"{ada.url}/sign-in")
    sign_in_as(ada, "ada")
    check_out(ada, books["Walden"])
    ada.page.get_by_label("works").check()
    ada.page.get_by_role("button", name="Buy now").dblclick()
    ada.page.wait_for_url(re.compile(r"/orders/ord_\w{32}$"))
    ada.sees("Your order is confirmed")
    ada.page.goto(f"{ada.url}/account/orders")
    expect(ada.page.locator(".card")).to_have_count(1)
    assert ada.reported == []


def test_a_payment_that_was_cancelled_at_paypal_can_still_be_made(ada: Visitor, books: dict[str, str]) -> None:
    check_out(ada, books["Walden"])
    pay(ada, "PayPal")
    order = ada.page.url
    for button in ("Fail", "Complete"):
        ada.page.get_by_role("link", name="Confirm the payment").click()
        ada.page.get_by_role("button", name=button).click()
        ada.page.wait_for_url(order)
        ada.check()
    ada.sees("Your order is confirmed")
    expect_orders(ada, 1)


def test_a_title_without_a_space_fits_into_a_narrow_window(database: None, visit: Visit) -> None:
    product_id = make_product("X" * 60, 3)
    stranger = visit(width=320)
    stranger.open(f"/products/{product_id}")
    stranger.follow("Add to basket", "button")
    stranger.open("/basket")
