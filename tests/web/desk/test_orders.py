"""The desk's list of orders, and the page of one with its actions, without workers."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from models import fulfilment, orders, payments, returns
from models.core.database import transaction
from models.core.event_log import Event
from models.payments import Transaction
from tests.counting import statements
from tests.shopping import make_product
from tests.web.desk.selling import Bought, Desk, made_returns

HOSTILE = """<script>alert(1)</script> "'&</title> {{ 7*7 }}"""


def listed(desk: Desk, address: str) -> list[str]:
    return re.findall(r'<a href="/desk/orders/ord_\w{32}">(\d+)</a>', desk.get(address).text)


def test_orders_are_found_by_everything(desk: Desk, sale: Bought) -> None:
    number = str(sale.order.number)
    other = Bought(make_product("DUNE", 5), username="alan").confirmed()
    assert listed(desk, "/desk/orders") == [str(other.order.number), number]
    for q in (number, "Grace Tester", "grace@example.org"):
        assert listed(desk, f"/desk/orders?q={q}") == [number]
    assert listed(desk, "/desk/orders?sku=EMMA") == [number]
    assert listed(desk, "/desk/orders?status=cancelled") == []
    assert listed(desk, "/desk/orders?to=2020-01-01") == []
    assert len(listed(desk, "/desk/orders?from=2020-01-01")) == 2
    assert "cannot be read" in desk.get("/desk/orders?from=yesterday").text
    assert "cannot be read" in desk.get("/desk/orders?status=eaten").text


def test_the_list_is_paged_by_a_cursor(desk: Desk, sale: Bought, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.desk.filters.ROWS", 1)
    other = Bought(make_product("DUNE", 5), username="alan").confirmed()
    page = desk.get("/desk/orders?status=confirmed").text
    assert listed(desk, "/desk/orders?status=confirmed") == [str(other.order.number)]
    [following] = re.findall(r'rel="next" href="([^"]+)"', page)
    assert listed(desk, following.replace("&amp;", "&")) == [str(sale.order.number)]


def test_pages_take_as_many_statements_for_one_order_as_for_three(desk: Desk, sale: Bought) -> None:
    def count(path: str) -> int:
        with statements() as sent:
            assert desk.get(path).status_code == 200
        return len(sent)

    before = count("/desk/orders")
    for number in range(2):
        Bought(make_product(f"S{number}", 5), username=f"alan{number}").confirmed()
    assert count("/desk/orders") == before
    assert before < 20
    assert count(sale.path) < 60


def test_hostile_texts_are_text(desk: Desk, sale: Bought) -> None:
    sent = desk.fill(sale.path, f"{sale.path}/note", note=HOSTILE, tags="<b>x</b>,'y\"")
    assert sent.status_code == 303, sent.text
    for path in (sale.path, "/desk/orders", f"/desk/orders?q={HOSTILE}", f"/desk/orders?tag={HOSTILE}"):
        page = desk.get(path).text
        assert "<script>alert" not in page, path
        assert "<b>x" not in page
        assert page.count("</script>") == page.count("<script"), path


def test_a_note_is_saved_and_recorded_in_the_audit_log(desk: Desk, sale: Bought) -> None:
    sent = desk.fill(sale.path, f"{sale.path}/note", note="Gift\r\nwrap", tags="gift, vip , gift")
    page = desk.get(sent.headers["Location"]).text
    assert "Note and tags are saved." in page
    assert "Gift\nwrap</textarea>" in page
    assert listed(desk, "/desk/orders?tag=vip") == [str(sale.order.number)]
    with transaction() as session:
        names = [event.name for event in session.scalars(select(Event))]
    assert "staff.acted" in names


def test_an_edit_of_what_somebody_else_has_changed_is_refused_and_shown(desk: Desk, sale: Bought) -> None:
    mine = desk.form(sale.path, f"{sale.path}/note")
    desk.fill(sale.path, f"{sale.path}/note", note="theirs", tags="")
    refused = desk.post(f"{sale.path}/note", data={**mine, "note": "mine", "tags": ""})
    assert refused.status_code == 412
    assert "Somebody else has changed this" in refused.text
    assert "mine</textarea>" in refused.text
    assert "theirs" in refused.text
    again = desk.form(sale.path, f"{sale.path}/note")
    assert desk.post(f"{sale.path}/note", data={**again, "note": "mine", "tags": ""}).status_code == 303


def test_a_double_click_ships_one_parcel(desk: Desk, sale: Bought) -> None:
    form = {**desk.form(sale.path, f"{sale.path}/ship"), "tracking_number": "1Z", f"quantity-{sale.product_id}": "1"}
    first, second = desk.post(f"{sale.path}/ship", data=form), desk.post(f"{sale.path}/ship", data=form)
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    with transaction() as session:
        [parcel] = fulfilment.list_parcels(session, sale.id)
        assert fulfilment.lines_of(session, parcel.id) == {sale.product_id: 1}
    page = desk.get(first.headers["Location"]).text
    assert "The parcel is being made" in page
    assert f"/ops/runs/{parcel.run_id}" in page
    reused = desk.post(f"{sale.path}/ship", data={**form, f"quantity-{sale.product_id}": "2"})
    assert reused.status_code == 422
    assert "This form was sent before" in reused.text


def test_refusals_of_the_domain_are_shown_in_words(desk: Desk, sale: Bought) -> None:
    action = f"{sale.path}/ship"
    refused = desk.fill(sale.path, action, **{f"quantity-{sale.product_id}": "3", "tracking_number": "1Z"})
    assert refused.status_code == 409
    assert "Nothing is allocated to this order" in refused.text
    assert 'value="3"' in refused.text
    for odd in ("many", "1_0", "\N{ARABIC-INDIC DIGIT ONE}", "1.5"):
        refused = desk.fill(sale.path, action, **{f"quantity-{sale.product_id}": odd})
        assert "is not a whole number" in refused.text, odd
    with transaction() as session:
        assert fulfilment.list_parcels(session, sale.id) == []


def test_pieces_or_the_whole_order_are_cancelled(desk: Desk, sale: Bought) -> None:
    action = f"{sale.path}/cancel"
    some = desk.fill(sale.path, action, **{f"quantity-{sale.product_id}": "1"}, reason="Torn")
    assert "The cancellation is under way" in desk.get(some.headers["Location"]).text
    with transaction() as session:
        assert orders.list_lines(session, sale.id)[0].cancelled == 1
    assert "(1 cancelled)" in desk.get(sale.path).text
    assert desk.fill(sale.path, action).status_code == 303
    with transaction() as session:
        assert orders.get(session, sale.id).status == "cancelled"
    assert action not in desk.get(sale.path).text


def test_a_checkout_is_given_up(desk: Desk, database: None) -> None:
    pending = Bought(make_product("DUNE", 5))
    assert desk.fill(pending.path, f"{pending.path}/cancel").status_code == 303


def test_a_return_is_registered_approved_received(desk: Desk, sale: Bought) -> None:
    parcel = sale.parcel()
    desk.fill(sale.path, f"/desk/parcels/{parcel.id}/delivered")
    action = f"{sale.path}/return"
    assert "Fill in how many" in desk.fill(sale.path, action, reason="Torn").text
    assert "reason" in desk.fill(sale.path, action, **{f"quantity-{sale.product_id}": "1"}).text
    made = desk.fill(sale.path, action, **{f"quantity-{sale.product_id}": "1"}, reason="Torn")
    assert made.status_code == 303, made.text
    [row] = made_returns(sale.id)
    assert str(sale.order.number) in desk.get("/desk/returns?status=requested").text
    assert desk.fill(sale.path, f"/desk/returns/{row.id}/approve").status_code == 303
    assert str(sale.order.number) in desk.get("/desk/returns?status=under_way").text
    receive = f"/desk/returns/{row.id}/receive"
    assert "More is to be returned" in desk.fill(sale.path, receive, **{f"damaged-{sale.product_id}": "9"}).text
    taken = desk.fill(sale.path, receive, **{f"damaged-{sale.product_id}": "1"})
    assert "The goods are received" in desk.get(taken.headers["Location"]).text
    with transaction() as session:
        [line] = returns.list_lines(session, [row.id])[row.id]
    assert (line.resellable, line.damaged) == (0, 1)
    assert "Goods received" in desk.get(sale.path).text


def test_a_return_is_refused_with_a_reason(desk: Desk, sale: Bought) -> None:
    desk.fill(sale.path, f"/desk/parcels/{sale.parcel().id}/delivered")
    desk.fill(sale.path, f"{sale.path}/return", **{f"quantity-{sale.product_id}": "1"}, reason="Torn")
    [row] = made_returns(sale.id)
    assert desk.fill(sale.path, f"/desk/returns/{row.id}/refuse").status_code == 422
    assert desk.fill(sale.path, f"/desk/returns/{row.id}/refuse", reason="Too late").status_code == 303
    assert "Too late" in desk.get(sale.path).text


def test_finance_captures_and_refunds(staff_of: Callable[..., Desk], sale: Bought) -> None:
    finance = staff_of("finance")
    capture = f"/desk/payments/{sale.payment_id}/capture"
    assert "Write it as 12.50" in finance.fill(sale.path, capture, amount="lots").text
    assert "more than can be captured" in finance.fill(sale.path, capture, amount="4000").text
    assert finance.fill(sale.path, capture, amount="39,98").status_code == 303
    assert made_transactions(sale) == [("authorise", 3998), ("capture", 3998)]
    other = Bought(make_product("DUNE", 5), username="alan").confirmed()
    other.parcel()
    refund = f"/desk/payments/{other.payment_id}/refund"
    assert "reason" in finance.fill(other.path, refund, amount="1.00").text
    assert finance.fill(other.path, refund, amount="1.00", reason="Torn").status_code == 303
    assert ("refund", 100) in made_transactions(other)


def made_transactions(sale: Bought) -> list[tuple[str, int]]:
    with transaction() as session:
        query = select(Transaction).where(Transaction.payment_id == sale.payment_id).order_by(Transaction.id)
        return [(one.kind, one.amount) for one in session.scalars(query)]


def test_each_sees_and_does_what_the_permissions_allow(staff_of: Callable[..., Desk], sale: Bought) -> None:
    warehouse, finance = staff_of("warehouse"), staff_of("finance")
    assert "/ship" in warehouse.get(sale.path).text
    assert "/capture" not in warehouse.get(sale.path).text
    assert "grace@example.org" not in warehouse.get(sale.path).text
    assert "/ops/runs" not in warehouse.get(sale.path).text
    assert "/ship" not in finance.get(sale.path).text
    assert "/capture" in finance.get(sale.path).text
    assert "grace@example.org" in staff_of("staff").get(sale.path).text
    form = {**finance.form(sale.path, f"/desk/payments/{sale.payment_id}/capture"), "tracking_number": "1Z"}
    assert finance.post(f"{sale.path}/ship", data=form).status_code == 403
    with transaction() as session:
        assert payments.get_payment(session, sale.payment_id).captured == 0


def test_documents_and_the_picking_list(desk: Desk, sale: Bought) -> None:
    invoice = desk.get(f"{sale.path}/invoice.pdf")
    assert (invoice.mimetype, invoice.data[:5]) == ("application/pdf", b"%PDF-")
    picking = desk.get("/desk/picking").text
    assert str(sale.order.number) in picking
    assert "EMMA" in picking
    assert desk.get("/desk/picking?warehouse_id=nowhere").status_code == 200
    assert desk.get(f"/desk/orders/ord_{'0' * 32}").status_code == 404
