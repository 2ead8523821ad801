"""The desk's pages of purchase orders: ordering, receiving by form and by scanning, cancelling."""

import re
from collections.abc import Callable

import pytest

from models import catalogue, inventory
from models.core.database import transaction
from tests.models.shelves import warehouse
from tests.shopping import make_product
from tests.web.desk.selling import Desk

NEW = "/desk/purchase-orders/new"


@pytest.fixture
def emma(database: None) -> str:
    """A product with six units."""
    return make_product("EMMA", 6)


@pytest.fixture
def order(emma: str) -> str:
    """The page of a purchase order of three units of it."""
    with transaction() as session:
        return f"/desk/purchase-orders/{inventory.restock(session, {emma: 3}, costs={emma: 250}).id}"


def lines(order: str) -> list[tuple[str, int, int, int]]:
    order_id = order.rpartition("/")[2]
    with transaction() as session:
        found = inventory.get_purchase_lines(session, [order_id])[order_id]
        return [(one.sku, one.quantity, one.delivered, one.scanned) for one in found]


def draft(desk: Desk, page: str) -> dict[str, str]:
    return desk.form(page, page.partition("?")[0])


def chosen(html: str) -> dict[str, str]:
    return dict(re.findall(r'name="quantity-(prd_\w+)" [^>]*value="(\d*)"', html))


def test_lines_are_put_together_by_code_and_by_words_and_kept(desk: Desk, emma: str) -> None:
    dune = make_product("DUNE", 1)
    with transaction() as session:
        session.get_one(catalogue.Product, dune).attributes = {"barcode": "4006381333931"}
    form = draft(desk, NEW)

    def press(**values: object) -> str:
        answer = desk.post(f"{NEW}/lines", data={**form, **values})
        assert answer.status_code == 200
        return str(answer.text)

    assert chosen(press(q="EMMA")) == {emma: "1"}
    assert chosen(press(q="EMMA", product=[emma], **{f"quantity-{emma}": "4"})) == {emma: "5"}
    both = press(q="4006381-333931", product=[emma], **{f"quantity-{emma}": "4", f"cost-{emma}": "2.50"})
    assert chosen(both) == {emma: "4", dune: "1"}
    assert 'value="2.50"' in both
    offered = press(q="the")
    assert f'name="add" value="{dune}"' in offered
    assert chosen(press(q="the", add=dune)) == {dune: "1"}
    assert chosen(press(remove=emma, product=[emma, dune])) == {dune: "1"}
    assert "No product matches." in press(q="nothing-like-it")
    assert chosen(press(q="x", add="prd_x", product=["prd_x"])) == {}


def test_goods_are_ordered_once_with_costs(desk: Desk, emma: str) -> None:
    dune, annex = make_product("DUNE", 1), warehouse("Annex")
    form = {**draft(desk, NEW), "product": [emma, dune], f"quantity-{emma}": "4", f"quantity-{dune}": "2",
            f"cost-{emma}": "2,50", "warehouse_id": annex}  # fmt: skip
    sent = [desk.post(NEW, data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303]
    assert sent[0].headers["Location"] == sent[1].headers["Location"]
    shown = desk.get(sent[0].headers["Location"]).text
    assert "The goods are ordered." in shown
    assert "Annex" in shown
    assert "€2.50" in shown
    with transaction() as session:
        [made] = session.scalars(inventory.select_purchase_orders())
        assert made.warehouse_id == annex
    listed = desk.get("/desk/purchase-orders?status=ordered").text
    assert "The DUNE, The EMMA" in listed
    assert "No purchase order matches." in desk.get("/desk/purchase-orders?status=received").text
    assert "cannot be read" in desk.get("/desk/purchase-orders?status=lost").text


def test_an_order_that_is_refused_keeps_what_was_filled_in(desk: Desk, emma: str) -> None:
    form = draft(desk, NEW)
    assert desk.post(NEW, data=form).status_code == 422
    refused = desk.post(NEW, data={**form, "product": [emma], f"quantity-{emma}": "0", f"cost-{emma}": "2"})
    assert (refused.status_code, chosen(refused.text)) == (422, {emma: "0"})
    typed = desk.post(NEW, data={**form, "product": [emma], f"quantity-{emma}": "1", "q": "EMMA"})
    assert (typed.status_code, "entered and not added" in typed.text) == (422, True)
    wrong = desk.post(NEW, data={**form, "product": [emma], f"quantity-{emma}": "1", f"cost-{emma}": "cheap"})
    assert "The amount cannot be read." in wrong.text


def test_a_part_is_received_and_the_rest_cancelled(desk: Desk, order: str, emma: str) -> None:
    field = f"quantity-{emma}"
    assert desk.fill(order, f"{order}/receive", **{field: "0"}).status_code == 422
    refused = desk.fill(order, f"{order}/receive", **{field: "4"})
    assert (refused.status_code, "more than was ordered" in refused.text) == (409, True)
    assert 'value="4"' in refused.text
    form = {**desk.form(order, f"{order}/receive"), field: "2"}
    sent = [desk.post(f"{order}/receive", data=form) for _ in range(2)]
    assert lines(order) == [("EMMA", 3, 2, 0)]
    assert "The delivery is recorded." in desk.get(sent[0].headers["Location"]).text
    cancelled = desk.fill(order, f"{order}/cancel")
    assert "is being cancelled" in desk.get(cancelled.headers["Location"]).text
    assert "/receive" not in desk.get(order).text


def test_each_scan_counts_once_more_until_it_is_booked(desk: Desk, order: str, emma: str) -> None:
    page = f"{order}/scan"
    assert "Ready. Scan a product." in desk.get(page).text

    def scan(code: str, **values: str) -> tuple[int, str]:
        form = {**desk.first_form(page, page), "code": code, **values}
        answer = desk.post(page, data=form)
        again = desk.post(page, data=form)
        assert again.status_code == answer.status_code
        shown = desk.get(answer.headers["Location"]).text if answer.status_code == 303 else answer.text
        return answer.status_code, str(shown)

    status, shown = scan("EMMA")
    assert (status, lines(order)) == (303, [("EMMA", 3, 0, 1)])
    assert "1 of 3</strong> The EMMA" in shown
    assert "autofocus" in shown
    assert scan("EMMA", units="2")[0] == 303
    for code, why in (("EMMA", "more than was ordered"), ("nothing", "No product has this SKU")):
        status, shown = scan(code)
        assert (status, why in shown) == (409, True)
    make_product("DUNE", 1)
    assert "is not expected here" in scan("DUNE")[1]
    assert scan("EMMA", units="0")[0] == 422
    assert scan("EMMA", units="-1")[0] == 303
    assert lines(order) == [("EMMA", 3, 0, 2)]
    booked = desk.fill(page, f"{page}/book")
    assert lines(order) == [("EMMA", 3, 2, 0)]
    assert "The delivery is recorded." in desk.get(booked.headers["Location"]).text
    scan("EMMA")
    assert desk.fill(page, f"{page}/discard").status_code == 303
    assert lines(order) == [("EMMA", 3, 2, 0)]


def test_low_levels_lead_to_an_order_with_their_quantity(desk: Desk, emma: str) -> None:
    assert "Nothing is low on stock." in desk.get("/desk/stock-alerts").text
    with transaction() as session:
        inventory.set_threshold(session, emma, None, 6, 20)
        inventory.set_threshold(session, make_product("DUNE", 1), None, 4, None)
    shown = desk.get("/desk/stock-alerts").text.replace("&amp;", "&")
    [address] = re.findall(rf'href="({NEW}\?[^"]*{emma}[^"]*)"', shown)
    assert chosen(desk.get(address).text) == {emma: "20"}
    assert "Order what is ticked" in shown
    assert "=4" in re.findall(rf'href="({NEW}\?[^"]*)"', shown)[0]


def test_who_may_only_read_stock_sees_no_forms(staff_of: Callable[..., Desk], order: str) -> None:
    reader = staff_of("staff")
    page = reader.get(order).text
    assert "The EMMA" in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]
    assert "/new" not in reader.get("/desk/purchase-orders").text
    assert (reader.get(NEW).status_code, reader.get(f"{order}/scan").status_code) == (403, 403)
