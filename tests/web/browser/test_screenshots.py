"""Pictures of every page, for people to look at: `make screenshots`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.web.browser.books import OPTICKS, fill_shelves
from tests.web.browser.buying import buy
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import FOLDER, LOOKS, take
from tests.web.browser.selling import complete, order_of
from tests.web.browser.signing_in import enter

pytestmark = pytest.mark.skipif(not FOLDER, reason="run by `make screenshots`")


def pages_of(books: dict[str, str], order: str, declined: str, waiting: str) -> dict[str, str]:
    return {
        "home": "/", "products": "/products", "search": "/products?q=the", "nothing-found": "/products?q=zzz",
        "slip": "/products?q=frankenstien",
        "product": f"/products/{books['Emma']}", "sold-out": f"/products/{books['Middlemarch']}",
        "long-title": f"/products/{books[OPTICKS]}",
        "categories": "/categories", "basket": "/basket", "checkout": "/checkout", "order": order, "declined": declined,
        "waiting": waiting, "orders": "/account/orders", "profile": "/account", "addresses": "/account/addresses",
        "notifications": "/account/notifications", "phone": "/account/phone", "push": "/account/push",
        "password": "/account/password", "devices": "/account/sessions",
        "data": "/account/data", "email": "/account/email", "authenticator": "/account/second-factor",
        "passkeys": "/account/passkeys", "new-passkey": "/account/passkeys/new",
        "confirm-password": "/account/confirm", "not-found": "/nothing",
    }  # fmt: skip


def test_every_page_in_three_widths_light_and_dark(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    books = fill_shelves()
    sign_in("ada")
    ada = enter(visit(), "ada")
    order = buy(ada, books["Emma"], "works")
    ada.sees("Your order is confirmed")
    complete(order_of(ada))
    declined = buy(ada, books["Walden"], "has no money left")
    ada.sees("Your payment was declined")
    waiting = buy(ada, books["Alice in Wonderland"], "(3-D Secure)")
    ada.sees("Please confirm the payment")
    for_strangers = {
        "sign-in": "/sign-in", "register": "/register", "forgot": "/forgot-password", "reset": "/password",
        "confirm-email": "/email/confirm", "restore-email": "/email/restore",
    }  # fmt: skip
    cookies = ada.page.context.cookies()
    for width, scheme in LOOKS:
        window = visit(width=width, color_scheme=scheme)
        look = f"{width}-{scheme}"
        window.page.goto(f"{window.url}/sign-in")
        for name, path in for_strangers.items():
            take(window, look, name, path)
        window.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        for name, path in pages_of(books, order, declined, waiting).items():
            take(window, look, name, path)
        window.page.goto(f"{window.url}/")
        window.search("novels")
        window.page.get_by_role("option").first.wait_for()
        window.page.keyboard.press("ArrowDown")
        window.page.screenshot(path=Path(FOLDER) / look / "suggestions.png")
