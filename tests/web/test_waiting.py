"""Waiting for a product that is sold out."""

from collections.abc import Callable

from sqlalchemy import select

from models import inventory
from models.core.database import transaction
from tests.shopping import make_product
from tests.web.conftest import Browser


def waiting() -> list[str]:
    with transaction() as session:
        return list(session.scalars(select(inventory.Waiting.product_id)))


def test_a_customer_is_told_of_a_product_and_may_change_their_mind(signed_in: Callable[..., Browser]) -> None:
    ada, product_id = signed_in("ada"), make_product("EMMA", 0)
    page = f"/products/{product_id}"
    assert "Tell me when it is available again" in ada.get(page).text
    for _ in range(2):
        assert ada.send(f"{page}/back-in-stock").headers["Location"] == page
    assert waiting() == [product_id]
    assert "We tell you once it is available again." in ada.get(page).text
    assert "Tell me when it is available again" in signed_in("eve").get(page).text
    assert ada.send(f"{page}/back-in-stock/cancel").headers["Location"] == page
    assert waiting() == []


def test_nobody_waits_for_what_is_available_or_does_not_exist(signed_in: Callable[..., Browser]) -> None:
    ada, product_id = signed_in("ada"), make_product("EMMA", 1)
    assert "Tell me when" not in ada.get(f"/products/{product_id}").text
    assert ada.send(f"/products/{product_id}/back-in-stock").status_code == 303
    assert ada.send(f"/products/prd_{'0' * 32}/back-in-stock").status_code == 404
    assert waiting() == []


def test_a_stranger_signs_in_first(browser: Browser) -> None:
    page = f"/products/{make_product('EMMA', 0)}"
    assert f'href="/sign-in?next={page}"' in browser.get(page).text
    assert browser.send(f"{page}/back-in-stock").headers["Location"].startswith("/sign-in")
