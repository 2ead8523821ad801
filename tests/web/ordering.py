"""Ordering, as the pages' forms do it."""

import re

from local.waiting import wait_until
from tests.web.conftest import Browser


def checkout_form(browser: Browser, **changes: str) -> dict[str, str]:
    """The form of the checkout as the page fills it."""
    page = browser.get("/checkout").text
    found = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("key", "total", "address_id")}
    filled = {name: match[1] for name, match in found.items() if match is not None}
    return {**filled, "payment": "pm_card_visa", **changes}


def buy(browser: Browser, **changes: str) -> str:
    """Places an order; returns the path of its page."""
    placed = browser.send("/checkout", checkout_form(browser, **changes))
    assert placed.status_code == 303, placed.text
    path = str(placed.headers["Location"])
    assert re.fullmatch(r"/orders/ord_\w{32}", path)
    return path


def once_of(browser: Browser, page: str) -> str:
    """The token by which the form of a page takes effect once."""
    [token] = re.findall(r'name="once" value="([^"]+)"', browser.get(page).text)
    return str(token)


def ends(browser: Browser, path: str, words: str) -> bool:
    """Whether the page says so within 20 seconds, as workers go on."""
    return wait_until(lambda: words in browser.get(path).text, 20, 0.1)
