"""The desk in a browser: every page in three widths, light and dark, checked with axe; and its keys."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models import catalogue, fulfilment, pictures, returns
from models.core.database import transaction
from models.reports import KINDS
from tests.api.test_reports import written
from tests.conftest import PASSWORD
from tests.models.shelves import warehouse
from tests.photographs import photograph
from tests.publishing import add_picture
from tests.serving import serving
from tests.shopping import make_product
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import FOLDER, LOOKS
from tests.web.desk.selling import Bought
from tests.web.desk.test_payments import reconciled

ROLES = ("staff", "warehouse", "finance", "admin")


@pytest.fixture
def site(tmp_path: Path, database: None) -> Iterator[str]:
    """A server alone: nothing moves while pictures are taken."""
    with serving(tmp_path) as url:
        yield url


@pytest.fixture
def pages(database: None) -> dict[str, str]:
    """Name → path of every page, with orders at several stages."""
    emma, annex = make_product("EMMA", 9), warehouse("Annex")
    fresh = Bought(emma, 2).confirmed()
    returned = Bought(make_product("DUNE", 5), 2, "alan").confirmed()
    parcel = returned.parcel()
    with transaction() as session:
        fulfilment.deliver(session, parcel.id, returned.order.user_id)
        fulfilment.edit(session, returned.id, actor=returned.order.user_id, note="Call first", tags=["vip", "gift"])
        made = returns.request(
            session, returned.id, {returned.product_id: 1}, reason="The cover is torn", comment="Sorry!",
            actor=returned.order.user_id, is_staff=True,
        )  # fmt: skip
        returns.approve(session, made.id)
    assert annex
    returned.disputed()
    made_up = reconciled({"kind": "amount_differs", "payment_id": fresh.payment_id, "order_id": fresh.id, "ours": 100,
                          "ours_currency": "EUR"}, {"kind": "forgotten_authorisation", "repair": "done"})  # fmt: skip
    report_pages = {f"report-{kind}": f"/desk/reports/{written(kind, days=9)}" for kind in KINDS}
    return {
        **report_pages, "reports": "/desk/reports", "new-report": "/desk/reports/new",
        "subscriptions": "/desk/reports/subscriptions", "disputes": "/desk/disputes?view=all",
        "payment": f"/desk/payments/{returned.payment_id}", "reconciliations": "/desk/reconciliations",
        "reconciliation": f"/desk/reconciliations/{made_up}",
        "today": "/desk/", "orders": "/desk/orders", "order-to-ship": fresh.path, "order-returned": returned.path,
        "no-orders": "/desk/orders?q=nobody", "picking": "/desk/picking", "returns": "/desk/returns",
        "payments": "/desk/payments", "products": "/desk/products", "product": f"/desk/products/{emma}",
        "new-product": "/desk/products/new", "stock": "/desk/stock", "product-stock": f"/desk/stock/{emma}",
        "transfers": "/desk/transfers", "customers": "/desk/customers", "imports": "/desk/imports",
        "customer": f"/desk/customers/{fresh.order.user_id}", "not-found": "/desk/orders/ord_" + "0" * 32,
    }  # fmt: skip


@pytest.fixture
def catalogue_pages(database: None) -> dict[str, str]:
    """Name → path of the pages of the catalogue, and of what is done with many orders."""
    emma = make_product("EMMA", 9)
    sales = [Bought(emma, 2, name).confirmed() for name in ("grace", "alan")]
    with transaction() as session:
        group = catalogue.create_group(session, {"title": "Shirt", "options": [{"name": "Size", "values": ["S", "M"]}]})
        catalogue.put_into_group(session, group, emma, {"Size": "S"})
        author = catalogue.create_author(session, "Jane Austen")
        owner = sales[0].order.user_id
        pictures.add(session, emma, photograph(), "", owner)
        broken = pictures.add(session, emma, photograph(), "", owner)
        pictures.fail(session, broken.id, {"code": "picture_refused", "detail": "The file is broken."})
    add_picture(emma, "The front", 600)
    many = "&".join(f"order={one.id}" for one in sales)
    return {
        "orders-found": "/desk/orders?q=Grace+Tester", "ship-many": f"/desk/orders/many/ship?{many}",
        "tag-many": f"/desk/orders/many/tag?{many}", "cancel-many": f"/desk/orders/many/cancel?{many}",
        "pictures": f"/desk/products/{emma}/pictures", "groups": "/desk/groups", "group": f"/desk/groups/{group.id}",
        "new-group": "/desk/groups/new", "kinds": "/desk/kinds", "kind": "/desk/kinds/book",
        "categories": "/desk/categories", "authors": "/desk/authors", "author": f"/desk/authors/{author.id}",
    }  # fmt: skip


def enter(somebody: Visitor) -> Visitor:
    somebody.page.goto(f"{somebody.url}/sign-in")
    somebody.fill({"username": "boss", "password": PASSWORD})
    somebody.page.locator("main button").first.click()
    somebody.page.wait_for_load_state()
    return somebody


def test_every_page_of_the_desk_in_three_widths_light_and_dark(
    pages: dict[str, str], visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    assert find_faults(pages, visit) == []


def test_every_page_of_the_catalogue_in_three_widths_light_and_dark(
    catalogue_pages: dict[str, str], visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    assert find_faults(catalogue_pages, visit) == []


MISSING = ("not-found", "pictures")
"""Pages of which Chromium reports a 404: there is none, or the server alone does not have the files of its pictures."""


def find_faults(
    pages: dict[str, str], visit: Callable[..., Visitor], prefix: str = "", most: int | None = None
) -> list[tuple[object, ...]]:
    """Visits pages of the desk in each window, and returns what axe and the browser report.

    `prefix`: of the names of pictures. `most`: how many parts of a page are opened, by default all.
    """
    cookies = enter(visit()).page.context.cookies()
    faults: list[tuple[object, ...]] = []
    for width, scheme in LOOKS:
        window = visit(width=width, color_scheme=scheme)
        window.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        for name, path in pages.items():
            window.page.goto(f"{window.url}{path}")
            if FOLDER:
                picture = Path(FOLDER) / f"desk-{width}-{scheme}" / f"{prefix}{name}.png"
                window.page.screenshot(path=picture, full_page=True)
            for summary in window.page.locator("main summary").all()[:most]:
                summary.click()
            if name in MISSING:
                window.reported = [one for one in window.reported if "404" not in one]
            try:
                window.check()
            except AssertionError as error:
                faults.append((width, scheme, name, str(error)[:1500]))
                window.reported = []
    return faults


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
