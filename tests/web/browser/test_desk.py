"""The desk in a browser: every page in three widths, light and dark, checked with axe; and its keys."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.models.shelves import warehouse
from tests.serving import serving
from tests.shopping import make_product
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import find_faults
from tests.web.browser.signing_in import ROLES, enter
from tests.web.desk.filling import catalogue_pages, desk_pages
from tests.web.desk.selling import Bought


@pytest.fixture
def site(tmp_path: Path, database: None) -> Iterator[str]:
    """A server alone: nothing moves while pictures are taken."""
    with serving(tmp_path) as url:
        yield url


@pytest.fixture
def pages(database: None) -> dict[str, str]:
    """Name → path of every page, with something on it."""
    return desk_pages()


def test_every_page_of_the_desk_in_three_widths_light_and_dark(
    pages: dict[str, str], visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    assert find_faults(pages, visit) == []


def test_every_page_of_the_catalogue_in_three_widths_light_and_dark(
    database: None, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    assert find_faults(catalogue_pages(), visit) == []


def test_the_keyboard_alone_leads_through_the_desk(
    pages: dict[str, str], visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    boss = enter(visit())
    boss.page.goto(f"{boss.url}/desk/")
    boss.page.keyboard.press("g")
    boss.page.keyboard.press("o")
    boss.page.wait_for_url("**/desk/orders")
    boss.page.keyboard.press("/")
    boss.page.keyboard.type("grace@example.org")
    boss.page.keyboard.press("Enter")
    boss.page.wait_for_url(re.compile("q=grace"))
    boss.page.get_by_role("row").nth(1).get_by_role("link").first.focus()
    boss.page.keyboard.press("Enter")
    boss.page.wait_for_url("**/desk/orders/ord_*")
    boss.page.get_by_label("Note for colleagues").focus()
    boss.page.keyboard.type("Gift wrap")
    boss.page.get_by_role("button", name="Save").focus()
    boss.page.keyboard.press("Enter")
    boss.sees("Note and tags are saved.")
    boss.check()


def test_a_dispute_is_found_in_one_click(visit: Callable[..., Visitor], sign_in: Callable[..., object]) -> None:
    sale = Bought(make_product("BOOK", 9), 2).confirmed()
    sale.parcel()
    sale.disputed()
    sign_in("boss", "finance")
    boss = enter(visit())
    boss.open("/desk/")
    boss.page.get_by_role("link", name="Disputes to respond to").click()
    boss.page.wait_for_url("**/desk/disputes*")
    boss.sees("in 9 days")
    boss.check()
    boss.follow(str(sale.order.number))
    boss.sees("asks about this payment: fraudulent")


def test_long_words_fit_into_a_narrow_window(visit: Callable[..., Visitor], sign_in: Callable[..., object]) -> None:
    product_id, place = make_product("X" * 60, 5), warehouse("W" * 100)
    sale = Bought(product_id, 2, "w" * 60).confirmed()
    sign_in("boss", *ROLES)
    cookies = enter(visit()).page.context.cookies()
    boss = visit(width=320)
    boss.page.context.add_cookies(cookies)  # type: ignore[arg-type]
    for path in (
        "/desk/orders", sale.path, f"/desk/payments/{sale.payment_id}", f"/desk/customers/{sale.order.user_id}",
        "/desk/products", f"/desk/products/{product_id}", "/desk/stock", f"/desk/stock/{product_id}",
        f"/desk/warehouses/{place}",
    ):  # fmt: skip
        boss.open(path)


def test_one_box_ticks_all_of_a_list(visit: Callable[..., Visitor], sign_in: Callable[..., object]) -> None:
    product_id = make_product("BOOK", 9)
    for username in ("grace", "alan"):
        Bought(product_id, 1, username).confirmed()
    sign_in("boss", *ROLES)
    boss = enter(visit())
    for path, label, name in (
        ("/desk/orders", "All of this page", "order"),
        ("/ops/runs", "Choose all on this page", "run"),
    ):
        boss.open(path)
        boxes = boss.page.locator(f'input[name="{name}"]')
        boss.page.get_by_label(label).check()
        ticked = [box.is_checked() for box in boxes.all()]
        assert (len(ticked) > 1, all(ticked)) == (True, True), path
        boss.page.get_by_label(label).uncheck()
        assert not any(box.is_checked() for box in boxes.all()), path
