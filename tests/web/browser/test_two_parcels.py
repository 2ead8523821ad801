"""An order that is sent in two parcels, and of which one piece comes back, by the pages of the shop and the desk."""

import re
from collections.abc import Callable

from local.waiting import wait_until
from tests.carrying import move
from tests.conftest import Caller
from tests.processes import Process
from tests.shop import Shop
from tests.web.browser.books import fill_shelves
from tests.web.browser.buying import pay
from tests.web.browser.conftest import Visitor
from tests.web.browser.selling import at_the_desk, complete, look_again, order_of, ship
from tests.web.browser.signing_in import sign_in_as

Visit = Callable[..., Visitor]


def buy_two(visit: Visit) -> Visitor:
    """A customer with an order of two copies of Emma and one of Walden, which is confirmed."""
    books = fill_shelves()
    ada = visit()
    ada.page.clock.install()
    for title, units in (("Emma", "2"), ("Walden", "1")):
        ada.open(f"/products/{books[title]}")
        ada.fill({"quantity": units})
        ada.follow("Add to basket", "button")
    ada.follow("Checkout")
    sign_in_as(ada, "ada")
    ada.page.wait_for_url(re.compile(r"^[^?]*/checkout$"))
    pay(ada, "works")
    ada.sees("Your order is confirmed")
    complete(order_of(ada))
    return ada


def codes(shop: Shop) -> list[str]:
    """The tracking codes of the labels that the carrier has sold, oldest first."""
    return [str(one["tracking_code"]) for one in reversed(shop.shipments())]


def arrive(shop: Shop, code: str) -> None:
    for status in ("in_transit", "delivered"):
        move(shop.carrier, code, status)


def reload_until(visitor: Visitor, text: str) -> None:
    """Reloads the page, as somebody at the desk does, until it says so."""

    def says() -> bool:
        visitor.page.reload()
        return visitor.page.get_by_text(text).first.is_visible()

    assert wait_until(says, 60, 0.2), (text, visitor.page.locator("main").inner_text())
    visitor.check()


def test_an_order_in_two_parcels_of_which_one_piece_comes_back(
    visit: Visit, shop: Shop, sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    sign_in("packer", "warehouse", "finance")
    ada, packer = buy_two(visit), at_the_desk(visit, "packer")
    packer.follow(ada.page.locator("h1").inner_text().removeprefix("Order "))
    emma = packer.page.get_by_role("row", name="Emma of 2").get_by_role("spinbutton")
    ship(packer, **{str(emma.get_attribute("name")): "1"})
    look_again(ada, "A part of your order is on its way")
    ada.sees("1 parcel has left.")
    ada.check()
    reload_until(packer, "1 × Emma")
    ship(packer)
    look_again(ada, "Your order is on its way")
    look_again(ada, "Parcel 2 is on its way.")
    ada.check()

    first, second = codes(shop)
    arrive(shop, first)
    look_again(ada, "Parcel 1 has arrived.")
    assert ada.page.get_by_text("Parcel 2 is on its way.").is_visible()
    arrive(shop, second)
    look_again(ada, "Your order has arrived")
    ada.check()

    ada.follow("Send something back")
    ada.page.get_by_label("Walden").fill("1")
    ada.page.get_by_label("Why do you send it back?").fill("The cover is torn")
    ada.follow("Request the return", "button")
    ada.sees("We have received your request.")
    ada.check()

    reload_until(packer, "The cover is torn")
    packer.follow("Approve", "button")
    look_again(ada, "Please send the goods back.")
    look_again(ada, "Label for the parcel (PDF)")
    ada.check()
    packer.follow("Receive and refund", "button")
    look_again(ada, "Your money is on its way back.")
    look_again(ada, "Credit note")
    ada.check()
    with ada.page.expect_download() as credit_note:
        ada.page.get_by_role("link", name="Credit note").click()
    assert credit_note.value.path().read_bytes().startswith(b"%PDF-")
    reload_until(packer, "€9.90")
    assert audit(shop) == 0


def audit(shop: Shop) -> int:
    """Runs `shop audit`; its exit status is 0 if the books agree."""
    process = Process("shop", "audit", environment=shop.environment, log=shop.var / "audit.log")
    status = process.wait(60)
    assert status == 0, (shop.var / "audit.log").read_text()
    return status
