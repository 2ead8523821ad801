"""Orders whose goods lie in several warehouses: shipped in bulk, and picked."""

import re

import pytest

from models import fulfilment, inventory
from models.core.database import transaction
from settings import Settings
from tests.models.shelves import move, warehouse
from tests.shopping import make_product
from tests.web.desk.selling import Bought, Desk
from tests.web.desk.test_order_list import many, read


@pytest.fixture
def scattered(database: None) -> list[Bought]:
    """An order of goods in two warehouses, and one of goods in the second warehouse only."""
    annex, product_id = warehouse("Annex"), make_product("EMMA", 9)
    both, other = Bought(product_id, 4).confirmed(), Bought(product_id, 2, "alan").confirmed()
    move(product_id, 3, annex)
    with transaction() as session:
        fulfilment.move_allocation(session, both.id, annex, {product_id: 1})
        fulfilment.move_allocation(session, other.id, annex)
    return [both, other]


def parcels_of(sale: Bought) -> dict[str, int]:
    """Warehouse → units of the order in parcels."""
    with transaction() as session:
        return {
            inventory.get_warehouse(session, parcel.warehouse_id).name: sum(
                fulfilment.lines_of(session, parcel.id).values()
            )
            for parcel in fulfilment.list_parcels(session, sale.id)
        }


def test_each_order_is_shipped_from_where_its_goods_are(desk: Desk, scattered: list[Bought]) -> None:
    both, other = scattered
    with transaction() as session:
        main = inventory.get_warehouse(session, None).name
    page = desk.get("/desk/orders/many/ship?" + "&".join(f"order={one.id}" for one in scattered)).text
    assert f"3 units from {main}" in page
    assert "1 unit from Annex" in page
    answer = many(desk, "ship", scattered, labels="none").text
    assert "2 orders are being shipped" in answer
    assert re.search(rf">{both.order.number}</a>: (3 units from {main}; 1 unit from Annex|1 unit from Annex; 3 units)",
                     answer)  # fmt: skip
    assert f">{other.order.number}</a>: 2 units from Annex" in answer
    assert parcels_of(both) == {main: 3, "Annex": 1}
    assert parcels_of(other) == {"Annex": 2}
    again = many(desk, "ship", scattered, labels="none").text
    assert "Was so already:" in again
    assert "are being shipped" not in again
    assert [read(one).parcels for one in scattered] == [2, 1]


def test_a_warehouse_without_an_address_is_named_and_its_orders_are_not_changed(
    desk: Desk, scattered: list[Bought], monkeypatch: pytest.MonkeyPatch
) -> None:
    without = Settings(carrier_api_key="key", carrier_api_base="https://api.easypost.com/v2")
    monkeypatch.setattr("models.fulfilment.labels.settings", without)
    answer = many(desk, "ship", scattered, labels="buy").text
    assert "2 were refused and not changed" in answer
    [why] = re.findall(rf">{scattered[1].order.number}</a>: ([^<]+)", answer)
    assert why == "The warehouse has no address to send from. Enter a tracking number instead. (Annex)"
    assert [read(one).parcels for one in scattered] == [0, 0]


def test_the_picking_page_has_a_list_for_each_warehouse(desk: Desk, scattered: list[Bought]) -> None:
    both, other = scattered
    page = desk.get("/desk/picking").text
    first, second = (part.partition("</section>")[0] for part in page.split('<section class="picking-list"')[1:])
    assert ">Annex</h2>" in first
    assert [first.count(f">{one.order.number}</a>") for one in scattered] == [1, 1]
    assert [second.count(f">{one.order.number}</a>") for one in scattered] == [1, 0]
    chosen = desk.get(f"/desk/picking?order={other.id}").text
    assert chosen.count("picking-list") == 1
    assert f">{both.order.number}</a>" not in chosen
    with transaction() as session:
        main = inventory.get_warehouse(session, None)
    alone = desk.get(f"/desk/picking?warehouse_id={main.id}").text
    assert f"Picking list: {main.name}" in alone
    assert f">{other.order.number}</a>" not in alone


def test_a_full_picking_page_says_which_lists_are_cut(
    desk: Desk, scattered: list[Bought], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.desk.picking.LINES", 2)
    page = desk.get("/desk/picking").text
    first, second = (part.partition("</section>")[0] for part in page.split('<section class="picking-list"')[1:])
    assert "There are more lines." not in first
    assert "There are more lines." in second
