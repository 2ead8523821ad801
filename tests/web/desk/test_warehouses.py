"""The desk's pages of warehouses, movements, reservations and backorders, and undoing an adjustment."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from models import inventory
from models.core.database import transaction
from tests.models.shelves import available, warehouse
from tests.shopping import make_product
from tests.web.desk.selling import Desk

NEW = "/desk/warehouses/new"


@pytest.fixture
def emma(database: None) -> str:
    """A product with six units."""
    return make_product("EMMA", 6)


def test_a_warehouse_is_created_edited_and_not_overwritten(desk: Desk) -> None:
    values = {"name": "Harbour", "address-city": "Rotterdam", "capacity-book": "50"}
    form = {**desk.form(NEW, NEW), **values}
    sent = [desk.post(NEW, data=form) for _ in range(2)]
    page = sent[0].headers["Location"].partition("?")[0]
    assert page == sent[1].headers["Location"].partition("?")[0]
    shown = desk.get(sent[0].headers["Location"]).text
    assert "The warehouse is created." in shown
    for figures in (f"{page}?figures=true", f"{page}/figures"):
        assert 'data-label="Remaining">50<' in desk.get(figures).text
    assert ("Remaining" in shown, f'hx-get="{page}/figures"' in shown) == (False, True)
    assert ("Rotterdam" in shown, "Harbour" in desk.get("/desk/warehouses").text) == (True, True)
    taken = desk.fill(NEW, NEW, name="Harbour")
    assert (taken.status_code, "This name is taken." in taken.text) == (409, True)
    stale = desk.form(page, page)
    assert desk.fill(page, page, **{**values, "name": "Quay", "capacity-book": ""}).status_code == 303
    refused = desk.post(page, data={**stale, **values})
    assert (refused.status_code, "Somebody else has changed this" in refused.text) == (412, True)
    with transaction() as session:
        saved = inventory.get_warehouse(session, page.rpartition("/")[2])
        assert (saved.name, saved.address, saved.capacity["book"]) == ("Quay", {"city": "Rotterdam"}, None)
    for wrong in ({"name": "Quay", "capacity-book": "many"}, {"name": ""}):
        assert desk.fill(page, page, **wrong).status_code == 422


def test_a_warehouse_is_closed_and_opened_and_the_default_one_not(desk: Desk) -> None:
    page = f"/desk/warehouses/{warehouse('Annex')}"
    action = f"{page}/status"
    assert "The warehouse is closed" in desk.get(desk.fill(page, action).headers["Location"]).text
    assert "The warehouse is open again." in desk.get(desk.fill(page, action).headers["Location"]).text
    with transaction() as session:
        main = f"/desk/warehouses/{inventory.get_default_warehouse(session).id}"
    form = {**desk.form(main, main), "status": "closed"}
    refused = desk.post(f"{main}/status", data=form)
    assert (refused.status_code, "cannot be closed" in refused.text) == (409, True)


def test_whether_units_fit_is_told(desk: Desk, emma: str) -> None:
    page = f"/desk/warehouses/{warehouse('Annex', clothing=5)}"
    assert "5 units of The EMMA fit." in desk.get(f"{page}?code=EMMA&quantity=5").text
    assert "6 units of The EMMA do not fit. Room for 5 units remains." in desk.get(f"{page}?code=EMMA&quantity=6").text
    assert "No product has this SKU" in desk.get(f"{page}?code=nothing&quantity=6").text
    assert "not a whole number" in desk.get(f"{page}?code=EMMA&quantity=x").text


def test_an_adjustment_is_undone_once(desk: Desk, emma: str) -> None:
    page = f"/desk/stock/{emma}"
    assert "/undo" not in desk.get(page).text, "the opening stock is not undone"
    desk.fill(page, f"{page}/adjust", quantity="-2", reason="broken")
    form = desk.form(page, f"{page}/undo")
    sent = [desk.post(f"{page}/undo", data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303]
    assert available(emma) == 6
    shown = desk.get(sent[0].headers["Location"]).text
    assert "The adjustment is undone" in shown
    assert "/undo" not in shown
    again = desk.post(f"{page}/undo", data={**form, "once": "another token of a form"})
    assert (again.status_code, "undone already" in again.text) == (409, True)
    moved = desk.get(f"/desk/movements?product_id={emma}").text
    assert re.findall(r"<strong>([+-]\d+)</strong>", moved) == ["+2", "-2", "+6"]
    assert "No movement matches." in desk.get(f"/desk/movements?product_id={make_product('DUNE', 0)}").text
    assert "cannot be read" in desk.get("/desk/movements?product_id=EMMA").text


def test_backorder_terms_are_set_and_not_overwritten(desk: Desk, emma: str) -> None:
    page, soon = f"/desk/stock/{emma}", (datetime.now(UTC) + timedelta(days=9)).date()
    action = f"{page}/backorder"
    stale = desk.form(page, action)
    assert desk.fill(page, action, limit="20", promised_on=str(soon)).status_code == 303
    refused = desk.post(action, data={**stale, "limit": "3", "promised_on": str(soon)})
    assert (refused.status_code, "Somebody else has changed this" in refused.text) == (412, True)
    for values in ({"limit": "5"}, {"limit": "5", "promised_on": "2001-01-01"}, {"limit": "x"}):
        assert desk.fill(page, action, **values).status_code == 422
    with transaction() as session:
        terms = inventory.get_terms(session, emma)
        assert (terms.maximum, terms.promised_on) == (20, soon)
    assert desk.fill(page, action, limit="").status_code == 303
    with transaction() as session:
        assert inventory.get_terms(session, emma).maximum == 0


def test_goods_held_for_another_system_are_released_or_shipped(
    desk: Desk, staff_of: Callable[..., Desk], emma: str
) -> None:
    with transaction() as session:
        one, two = (inventory.hold(session, f"market-{n}", {emma: 2}, 3600).id for n in (1, 2))
    page = "/desk/reservations"
    assert desk.fill(page, f"{page}/{one}/release").status_code == 303
    assert available(emma) == 4
    form = desk.form(page, f"{page}/{two}/ship")
    sent = [desk.post(f"{page}/{two}/ship", data=form) for _ in range(2)]
    assert "The goods have left" in desk.get(sent[1].headers["Location"]).text
    assert available(emma) == 4
    late = desk.post(f"{page}/{two}/release", data={**form, "once": "another token of a form"})
    assert late.status_code == 409
    found = desk.get(f"{page}?reference=market-1").text
    assert ("market-1" in found, "market-2" in found) == (True, False)
    reader = staff_of("staff").get(page).text
    assert ("market-1" in reader, "/ship" in reader) == (True, False)


def test_several_products_are_sent_and_received_in_part(desk: Desk, emma: str) -> None:
    new, dune, annex = "/desk/transfers/new", make_product("DUNE", 5), warehouse("Annex")
    values = {"product": [emma, dune], f"quantity-{emma}": "2", f"quantity-{dune}": "9", "to": annex}
    with transaction() as session:
        values["from"] = inventory.get_default_warehouse(session).id
    form = {**desk.form(new, new), **values}
    refused = desk.post(new, data=form)
    assert (refused.status_code, 'value="9"' in refused.text) == (409, True)
    sent = desk.post(new, data={**form, f"quantity-{dune}": "3", "once": "another token of a form"})
    page = sent.headers["Location"].partition("?")[0]
    assert "The transfer is under way" in desk.get(sent.headers["Location"]).text
    with transaction() as session:
        inventory.send_transfer(session, page.rpartition("/")[2])
    scan = f"{page}/scan"
    desk.post(scan, data={**desk.first_form(scan, scan), "code": "DUNE", "units": "2"})
    assert (
        "more than was sent" in desk.post(scan, data={**desk.first_form(scan, scan), "code": "EMMA", "units": "3"}).text
    )
    booked = desk.fill(scan, f"{scan}/book")
    assert "are being taken into stock" in desk.get(booked.headers["Location"]).text
    with transaction() as session:
        got = inventory.get_transfer_lines(session, [page.rpartition("/")[2]])[page.rpartition("/")[2]]
        assert {line.sku: line.received for line in got} == {"DUNE": 2, "EMMA": 0}
    assert f'action="{page}/receive"' not in desk.get(page).text


def test_a_transfer_of_which_nothing_has_come_is_written_off(desk: Desk, emma: str) -> None:
    with transaction() as session:
        source = inventory.get_default_warehouse(session).id
    annex = warehouse("Annex")
    with transaction() as session:
        made = inventory.send_transfer(session, inventory.request_transfer(session, source, annex, {emma: 2}).id)
    page = f"/desk/transfers/{made.id}"
    assert desk.fill(page, f"{page}/receive", **{f"quantity-{emma}": "0"}).status_code == 303
    with transaction() as session:
        [line] = inventory.get_transfer_lines(session, [made.id])[made.id]
        assert line.received == 0
