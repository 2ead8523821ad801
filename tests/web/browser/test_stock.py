"""Stock in a browser: goods are ordered and received by scanning, a count is scanned, without JavaScript, too.

And pictures of the pages of stock, each checked with axe: `make screenshots`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models import inventory
from models.core.database import transaction
from tests.serving import serving
from tests.shopping import make_product
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import find_faults
from tests.web.browser.signing_in import ROLES, enter
from tests.web.desk.filling import stock_pages


@pytest.fixture
def site(tmp_path: Path, database: None) -> Iterator[str]:
    """A server alone."""
    with serving(tmp_path) as url:
        yield url


def test_every_page_of_stock_in_all_widths_light_and_dark(
    database: None, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    assert find_faults(stock_pages(), visit, "stock-") == []


@pytest.mark.parametrize("scripts", [True, False])
def test_goods_are_ordered_and_received_by_scanning(
    database: None, visit: Callable[..., Visitor], sign_in: Callable[..., object], scripts: bool
) -> None:
    emma = make_product("EMMA", 1)
    make_product("DUNE", 1)
    sign_in("boss", *ROLES)
    boss = enter(visit(java_script_enabled=scripts))
    boss.page.goto(f"{boss.url}/desk/purchase-orders/new")
    boss.page.locator("#q:focus").wait_for()
    boss.page.keyboard.type("EMMA\n")
    boss.page.get_by_label("Units of The EMMA").fill("3")
    boss.page.get_by_role("button", name="Order goods", exact=True).click()
    boss.sees("The goods are ordered.")
    boss.page.get_by_role("link", name="Receive by scanning").click()
    boss.sees("Ready. Scan a product.")
    for code, said in (
        ("EMMA", "1 of 3"),
        ("EMMA", "2 of 3"),
        ("DUNE", "is not expected here"),
        ("nothing", "No product has this SKU"),
        ("EMMA", "3 of 3"),
        ("EMMA", "more than was ordered"),
    ):
        boss.page.locator("#code:focus").wait_for()
        boss.page.keyboard.type(f"{code}\n")
        boss.sees(said)
    if scripts:
        boss.reported = [one for one in boss.reported if "409" not in one]  # the browser names refusals
        boss.check()
    boss.page.get_by_role("button", name="1 The EMMA").click()
    boss.sees("taken back")
    boss.page.get_by_role("button", name="Book what was scanned (2)").click()
    boss.sees("The delivery is recorded.")
    with transaction() as session:
        [order] = session.scalars(inventory.select_purchase_orders())
        [line] = inventory.get_purchase_lines(session, [order.id])[order.id]
        assert (line.product_id, line.delivered, line.scanned) == (emma, 2, 0)


def test_a_scanner_that_is_faster_than_the_server_loses_nothing(
    database: None, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    emma = make_product("EMMA", 1)
    sign_in("boss", *ROLES)
    with transaction() as session:
        order_id = inventory.restock(session, {emma: 100}).id
    boss = enter(visit())
    boss.page.goto(f"{boss.url}/desk/purchase-orders/{order_id}/scan")
    boss.page.locator("#code:focus").wait_for()
    boss.page.keyboard.type("EMMA\n" * 25)
    boss.sees("25 of 100")
    with transaction() as session:
        [line] = inventory.get_purchase_lines(session, [order_id])[order_id]
        assert line.scanned == 25
    boss.check()
