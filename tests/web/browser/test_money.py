"""Somebody of finance in a browser, with real workers: reports and their charts."""

from collections.abc import Callable

from tests.conftest import Caller
from tests.models.shelves import product
from tests.shopping import make_product
from tests.web.browser.conftest import Visitor
from tests.web.browser.selling import completed_order
from tests.web.browser.signing_in import enter


def test_a_trends_report_is_asked_for_and_its_chart_seen(
    visit: Callable[..., Visitor], sign_in: Callable[..., Caller]
) -> None:
    completed_order(make_product("BOOK", 9), 2)
    sign_in("boss", "finance")
    boss = enter(visit())
    boss.open("/desk/")
    boss.follow("Reports")
    boss.follow("New report")
    boss.page.get_by_label("Sales trends", exact=False).first.check()
    boss.page.get_by_label("Interval").select_option("day")
    boss.page.get_by_role("button", name="Write the report").click()
    boss.page.wait_for_url("**/desk/reports/rep_*")
    chart = boss.page.get_by_role("img", name="Revenue (EUR)", exact=False).first
    chart.wait_for()
    assert chart.locator("polyline").count() == 1
    boss.page.get_by_text("As a table").first.click()
    boss.page.get_by_role("cell", name="€39.98").first.wait_for()
    boss.check()


def test_a_report_is_written_without_javascript_too(
    visit: Callable[..., Visitor], sign_in: Callable[..., Caller]
) -> None:
    product("BOOK", 9)
    sign_in("boss", "finance")
    boss = enter(visit(width=320, java_script_enabled=False))
    boss.page.goto(f"{boss.url}/desk/reports/new?kind=levels")
    boss.page.get_by_label("Stock levels", exact=False).first.check()
    boss.page.get_by_role("button", name="Write the report").click()
    boss.page.wait_for_url("**/desk/reports/rep_*")
    boss.sees("Units on hand by warehouse")
