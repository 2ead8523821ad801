"""The desk's pages of stock counts: starting, entering by form and by scanning, deciding."""

import re
from collections.abc import Callable

import pytest

from models import inventory
from models.core.database import transaction
from models.inventory import counts
from settings import settings
from tests.shopping import make_product
from tests.web.desk.selling import Desk

NEW = "/desk/stock-counts/new"


@pytest.fixture
def emma(database: None) -> str:
    """A product with six units."""
    return make_product("EMMA", 6)


@pytest.fixture
def count(emma: str) -> str:
    """The page of a count of the whole warehouse, which has two products."""
    make_product("DUNE", 5)
    with transaction() as session:
        return f"/desk/stock-counts/{inventory.open_count(session, None, actor='usr_' + '0' * 32).id}"


def counted(count: str) -> dict[str, int | None]:
    with transaction() as session:
        found = session.scalars(inventory.select_count_lines(count.rpartition("/")[2]))
        return {line.sku: line.counted for line in found}


def status(count: str) -> str:
    with transaction() as session:
        return inventory.get_count(session, count.rpartition("/")[2]).status


def titles(html: str) -> list[str]:
    return re.findall(r'<a href="/desk/stock/prd_\w{32}">([^<]+)</a>', html)


def test_a_count_is_started_of_a_warehouse_a_category_or_products(desk: Desk, emma: str) -> None:
    make_product("DUNE", 5)
    [category] = re.findall(r'<option value="(cat_\w+)"', desk.get(NEW).text)[:1]
    for values, expected in (
        ({"scope": "warehouse"}, ["The DUNE", "The EMMA"]), ({"scope": "products", "product": emma}, ["The EMMA"]),
        ({"scope": "category", "category_id": category}, ["The DUNE", "The EMMA"]),
    ):  # fmt: skip
        form = {**desk.form(NEW, NEW), **values}
        sent = [desk.post(NEW, data=form) for _ in range(2)]
        assert [one.status_code for one in sent] == [303, 303], sent[0].text
        assert sent[0].headers["Location"] == sent[1].headers["Location"]
        shown = desk.get(sent[0].headers["Location"]).text
        assert "The stock count is open." in shown
        assert titles(shown) == expected
    assert desk.fill(NEW, NEW, scope="products").status_code == 422
    assert "Add at least one product." in desk.fill(NEW, NEW, scope="products").text
    found = desk.post(f"{NEW}/lines", data={**desk.form(NEW, NEW), "q": "EMMA", "scope": "products"}).text
    assert f'name="product" value="{emma}"' in found
    assert len(re.findall(r'href="/desk/stock-counts/cnt_', desk.get("/desk/stock-counts?status=open").text)) == 3
    assert "No stock count matches." in desk.get("/desk/stock-counts?status=booked").text


def test_lines_are_entered_and_those_left_empty_stay(desk: Desk, count: str, emma: str) -> None:
    assert titles(desk.get(f"{count}?state=uncounted").text) == ["The DUNE", "The EMMA"]
    action = f"{count}/lines"
    form = {**desk.first_form(count, action), f"counted-{emma}": "4"}
    sent = [desk.post(action, data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303]
    assert counted(count) == {"DUNE": None, "EMMA": 4}
    shown = desk.get(f"{count}?state=differing").text
    assert titles(shown) == ["The EMMA"]
    assert 'badge-bad">-2<' in shown
    one = {**desk.first_form(count, action), "code": "DUNE", "counted": "5"}
    assert "What was counted is entered." in desk.get(desk.post(action, data=one).headers["Location"]).text
    assert counted(count) == {"DUNE": 5, "EMMA": 4}
    for values, code in (({}, 422), ({"code": "nothing", "counted": "1"}, 409), ({f"counted-{emma}": "x"}, 422)):
        assert desk.post(action, data={**desk.first_form(count, action), **values}).status_code == code
    assert "cannot be read" in desk.get(f"{count}?state=lost").text
    sheet = desk.get(f"{count}.csv")
    assert sheet.mimetype == "text/csv"
    assert [row.split(",")[1] for row in sheet.text.splitlines()] == ["sku", "EMMA"]


def test_scanning_counts_and_takes_back(desk: Desk, count: str) -> None:
    page = f"{count}/scan"
    for code, expected in (("EMMA", 303), ("EMMA", 303), ("nothing", 409)):
        answer = desk.post(page, data={**desk.first_form(page, page), "code": code})
        assert answer.status_code == expected
    assert counted(count)["EMMA"] == 2
    back = desk.post(page, data={**desk.first_form(page, page), "code": "EMMA", "units": "-1"})
    shown = desk.get(back.headers["Location"]).text
    assert "taken back" in shown
    assert counted(count)["EMMA"] == 1
    assert "6" not in re.findall(r'class="number"[^>]*>(?:<strong>)?(\d+)', shown), "what is on hand is not shown"


def test_a_count_is_submitted_refused_or_approved(desk: Desk, count: str) -> None:
    refused = desk.fill(count, f"{count}/submit")
    assert (refused.status_code, "Nothing was counted yet." in refused.text) == (409, True)
    page = f"{count}/scan"
    desk.post(page, data={**desk.first_form(page, page), "code": "EMMA"})
    stale = desk.form(count, f"{count}/cancel")
    assert "waits for its approval" in desk.get(desk.fill(count, f"{count}/submit").headers["Location"]).text
    assert "data-scan " not in desk.get(page).text
    assert desk.fill(count, f"{count}/refuse", reason="").status_code == 422
    assert desk.fill(count, f"{count}/refuse", reason="Count shelf 4 again").status_code == 303
    assert "Count shelf 4 again" in desk.get(count).text
    assert (desk.post(f"{count}/cancel", data=stale).status_code, status(count)) == (409, "refused")


def test_great_differences_are_approved_by_somebody_else(
    desk: Desk, staff_of: Callable[..., Desk], count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.desk import count_page

    lower = settings.model_copy(update={"count_approval_value": 1})
    for module in (counts, count_page):
        monkeypatch.setattr(module, "settings", lower)
    page = f"{count}/scan"
    desk.post(page, data={**desk.first_form(page, page), "code": "EMMA"})
    assert "whoever has counted a line cannot approve them" in desk.get(count).text
    refused = desk.fill(count, f"{count}/approve")
    assert (refused.status_code, "somebody who has not counted" in refused.text) == (409, True)
    other = staff_of("warehouse")
    assert (
        "Its differences are being booked." in other.get(other.fill(count, f"{count}/approve").headers["Location"]).text
    )
    assert status(count) == "approved"


def test_a_count_is_cancelled(desk: Desk, staff_of: Callable[..., Desk], count: str) -> None:
    reader = staff_of("staff").get(count).text
    assert "<form" not in reader.partition("<main")[2].partition("</main>")[0]
    assert desk.fill(count, f"{count}/cancel").status_code == 303
    assert status(count) == "cancelled"
