"""Buying, as customers do it in a browser."""

import re

from tests.web.browser.conftest import Visitor


def pay(visitor: Visitor, card: str, button: str = "Buy now") -> None:
    """Places the order at the checkout; leads to its page."""
    visitor.page.get_by_label(card).check()
    visitor.page.get_by_role("button", name=button).click()
    visitor.page.wait_for_url(re.compile(r"/orders/ord_\w{32}$"))


def buy(visitor: Visitor, product_id: str, card: str) -> str:
    """Buys a product; returns the path of the order."""
    visitor.page.goto(f"{visitor.url}/products/{product_id}")
    visitor.page.get_by_role("button", name="Add to basket").click()
    visitor.page.goto(f"{visitor.url}/checkout")
    pay(visitor, card)
    return visitor.page.url.removeprefix(visitor.url)
