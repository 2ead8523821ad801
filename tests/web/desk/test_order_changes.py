"""More actions on the desk's page of an order: status, invoice, warehouse, exchange, undo, messages and events."""

from models import fulfilment, inventory, orders
from models.core.database import transaction
from tests.models.shelves import move, warehouse
from tests.shopping import make_product
from tests.web.desk.selling import Bought, Desk, made_returns


def read(sale: Bought) -> orders.Order:
    with transaction() as session:
        return orders.get(session, sale.id)


def test_note_and_tags_are_brought_back_unless_they_were_changed_again(desk: Desk, sale: Bought) -> None:
    note = f"{sale.path}/note"
    desk.fill(sale.path, note, note="Call first", tags="vip, gift")
    saved = desk.fill(sale.path, note, note="Wrong", tags="")
    page = saved.headers["Location"]
    assert "Call first" not in page
    undo = desk.form(page, f"{note}/undo")
    undone = desk.post(f"{note}/undo", data=undo)
    assert "what they were before" in desk.get(undone.headers["Location"]).text
    assert (read(sale).note, read(sale).tags) == ("Call first", ["gift", "vip"])
    again = desk.form(page, f"{note}/undo")
    stale = desk.post(f"{note}/undo", data=again)
    assert stale.status_code == 412
    assert read(sale).note == "Call first"
    unknown = desk.post(f"{note}/undo", data={**again, "undo": "x" * 20, "once": "y" * 20})
    assert unknown.status_code == 404


def test_an_undo_is_only_of_the_same_person_and_order(desk: Desk, sale: Bought, staff_of: object) -> None:
    saved = desk.fill(sale.path, f"{sale.path}/note", note="Mine", tags="")
    undo = desk.form(saved.headers["Location"], f"{sale.path}/note/undo")["undo"]
    other = staff_of("staff")  # type: ignore[operator]
    form = other.form(sale.path, f"{sale.path}/note")
    assert other.post(f"{sale.path}/note/undo", data={**form, "undo": undo}).status_code == 404
    second = Bought(make_product("DUNE", 5), username="alan").confirmed()
    form = desk.form(second.path, f"{second.path}/note")
    assert desk.post(f"{second.path}/note/undo", data={**form, "undo": undo}).status_code == 404
    assert read(sale).note == "Mine"


def test_the_sentence_after_shipping_offers_to_cancel_the_parcel(desk: Desk, sale: Bought) -> None:
    shipped = desk.fill(sale.path, f"{sale.path}/ship", tracking_number="1Z")
    page = desk.get(shipped.headers["Location"]).text
    assert "Undo: cancel the parcel" in page
    with transaction() as session:
        [parcel] = fulfilment.list_parcels(session, sale.id)
    assert f'<form class="undo" method="post" action="/desk/parcels/{parcel.id}/cancel">' in page
    assert "Undo: cancel" not in desk.get(sale.path).text


def test_an_order_is_marked_as_being_packed_and_delivered(desk: Desk, sale: Bought) -> None:
    packed = desk.fill(sale.path, f"{sale.path}/status")
    assert "The order is being packed." in desk.get(packed.headers["Location"]).text
    assert read(sale).status == "processing"
    sale.parcel()
    assert read(sale).status == "shipped"
    delivered = desk.fill(sale.path, f"{sale.path}/status")
    assert "recorded as delivered" in desk.get(delivered.headers["Location"]).text
    assert read(sale).status == "delivered"
    form = desk.form(sale.path, f"{sale.path}/note")
    odd = desk.post(f"{sale.path}/status", data={**form, "status": "returned"})
    assert (odd.status_code, read(sale).status) == (422, "delivered")


def test_an_invoice_is_paid_and_then_void(desk: Desk, sale: Bought) -> None:
    path = f"{sale.path}/invoice"
    for status in ("paid", "void"):
        form = {**desk.form(sale.path, f"{sale.path}/note"), "status": status}
        sent = desk.post(path, data=form)
        assert (
            f"The invoice is {'recorded as ' if status == 'paid' else ''}{status}"
            in desk.get(sent.headers["Location"]).text
        )
    refused = desk.post(path, data={**desk.form(sale.path, f"{sale.path}/note"), "status": "paid"})
    assert refused.status_code == 409
    assert f'action="{path}"' not in desk.get(sale.path).text


def test_goods_are_taken_from_another_warehouse(desk: Desk, sale: Bought) -> None:
    annex = warehouse("Annex")
    path = f"{sale.path}/allocation"
    refused = desk.fill(sale.path, path, warehouse_id=annex, **{f"quantity-{sale.product_id}": "1"})
    assert refused.status_code == 409
    assert "fewer units available" in refused.text
    move(sale.product_id, 5, annex)
    moved = desk.fill(sale.path, path, warehouse_id=annex)
    assert "now come from the other warehouse" in desk.get(moved.headers["Location"]).text
    with transaction() as session:
        assert fulfilment.left_to_pack(session, sale.id) == {annex: {sale.product_id: 2}}
        assert inventory.get_warehouse(session, annex).name == "Annex"


def test_a_return_is_exchanged_for_what_costs_no_more(desk: Desk, sale: Bought) -> None:
    parcel = sale.parcel()
    desk.fill(sale.path, f"/desk/parcels/{parcel.id}/delivered")
    make_product("PROUST", 5)
    given = {f"quantity-{sale.product_id}": "1", "reason": "Too thin"}
    for wanted, said in (("NOTHING", "no product with the SKU"), ("PROUST: 99", "costs more"), ("PROUST: x", "whole")):
        refused = desk.fill(sale.path, f"{sale.path}/return", **given, exchange=wanted)
        assert refused.status_code in (409, 422), wanted
        assert said in refused.text
        assert f">{wanted}</textarea>" in refused.text
    assert made_returns(sale.id) == []
    desk.fill(sale.path, f"{sale.path}/return", **given, exchange="PROUST")
    [made] = made_returns(sale.id)
    assert made.exchange is not None
    assert [(line["sku"], line["quantity"]) for line in made.exchange] == [("PROUST", 1)]
    assert f"1 × {made.exchange[0]['title']}</dd>" in desk.get(sale.path).text


def test_a_parcel_without_a_label_has_none_to_print(desk: Desk, sale: Bought) -> None:
    parcel = sale.parcel()
    assert desk.get(f"/desk/parcels/{parcel.id}/label.pdf").status_code == 404
    assert "Print the label" not in desk.get(sale.path).text


def test_messages_and_events_are_shown_to_those_who_may(desk: Desk, sale: Bought, staff_of: object) -> None:
    desk.fill(sale.path, f"{sale.path}/note", note="Call first", tags="")
    page = desk.get(sale.path).text
    assert "staff.acted" in page
    assert 'staff.acted <span class="hint">note</span>' in page
    warehouse_staff = staff_of("warehouse")  # type: ignore[operator]
    assert "staff.acted" not in warehouse_staff.get(sale.path).text
