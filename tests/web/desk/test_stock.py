"""The desk's pages of stock levels and transfers."""

import re
from collections.abc import Callable

import pytest

from models import inventory
from models.core.database import transaction
from tests.models.shelves import available, warehouse
from tests.shopping import make_product
from tests.web.desk.selling import Desk


@pytest.fixture
def emma(database: None) -> str:
    """A product with six units."""
    return make_product("EMMA", 6)


def titles(desk: Desk, address: str) -> list[str]:
    return re.findall(r'<a href="/desk/stock/prd_\w{32}">([^<]+)</a>', desk.get(address).text)


def test_levels_are_found_by_words_warehouse_and_reorder_point(desk: Desk, emma: str) -> None:
    make_product("DUNE", 5)
    assert sorted(titles(desk, "/desk/stock")) == ["The DUNE", "The EMMA"]
    assert titles(desk, "/desk/stock?q=emma") == ["The EMMA"]
    assert titles(desk, "/desk/stock?q=nothing-like-it") == []
    assert titles(desk, f"/desk/stock?warehouse_id={warehouse('Annex')}") == []
    assert titles(desk, "/desk/stock?low=true") == []
    assert "cannot be read" in desk.get("/desk/stock?warehouse_id=nowhere").text


def test_a_level_is_adjusted_once(desk: Desk, emma: str) -> None:
    page, action = f"/desk/stock/{emma}", f"/desk/stock/{emma}/adjust"
    form = {**desk.form(page, action), "quantity": "-2", "reason": "<i>broken</i>"}
    sent = [desk.post(action, data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303]
    assert available(emma) == 4
    shown = desk.get(sent[0].headers["Location"]).text
    assert "The level is adjusted." in shown
    assert "<strong>-2</strong> &lt;i&gt;broken" in shown
    refused = desk.fill(page, action, quantity="-20", reason="broken")
    assert (refused.status_code, available(emma)) == (409, 4)
    assert 'value="-20"' in refused.text
    assert desk.fill(page, action, quantity="0", reason="x").status_code == 422
    assert desk.fill(page, action, quantity="two", reason="x").status_code == 422


def test_a_reorder_point_is_set_removed_and_not_overwritten(desk: Desk, emma: str) -> None:
    page, action = f"/desk/stock/{emma}", f"/desk/stock/{emma}/threshold"
    stale = desk.form(page, action)
    assert desk.fill(page, action, reorder_point="6", reorder_quantity="10").status_code == 303
    assert titles(desk, "/desk/stock?low=true") == ["The EMMA"]
    assert "· low" in desk.get("/desk/stock").text
    refused = desk.post(action, data={**stale, "reorder_point": "1"})
    assert refused.status_code == 412
    assert "Somebody else has changed this" in refused.text
    assert desk.fill(page, action, reorder_point="", reorder_quantity="").status_code == 303
    assert titles(desk, "/desk/stock?low=true") == []


def test_a_transfer_is_started_and_cancelled(desk: Desk, emma: str) -> None:
    annex = warehouse("Annex")
    page, action = f"/desk/stock/{emma}", f"/desk/stock/{emma}/transfer"
    assert desk.fill(page, action, to=annex, quantity="9").status_code == 409
    assert desk.fill(page, action, to=annex, quantity="2").status_code == 303
    with transaction() as session:
        [made] = session.scalars(inventory.select_transfers())
    listed = desk.get("/desk/transfers").text
    assert "The EMMA" in listed
    assert "Annex" in listed
    assert desk.fill("/desk/transfers", f"/desk/transfers/{made.id}/cancel").status_code == 303


def test_who_may_only_read_stock_sees_no_forms(staff_of: Callable[..., Desk], emma: str) -> None:
    page = staff_of("staff").get(f"/desk/stock/{emma}").text
    assert "The EMMA" in page
    assert "/adjust" not in page
