"""The desk's list of orders: views that a user saves, and what is done with many orders at once."""

import re
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import accounts, orders
from models.core import event_log
from models.core.database import transaction
from settings import Settings
from tests.shopping import make_customer, make_product
from tests.web.desk.selling import Bought, Desk
from web.desk import many_orders

VIEWS = "/desk/orders/views"


@pytest.fixture
def sold(database: None) -> list[Bought]:
    """Two confirmed orders, and one whose checkout is under way."""
    product_id = make_product("EMMA", 9)
    confirmed = [Bought(product_id, 2, name).confirmed() for name in ("grace", "alan")]
    return [*confirmed, Bought(product_id, 1, "edsger")]


def save(desk: Desk, page: str, name: str) -> Any:
    return desk.fill(page, VIEWS, name=name)


def many(desk: Desk, verb: str, sold: list[Bought], **values: str) -> Any:
    """Ticks these orders in the list, and sends the form that it leads to."""
    path = f"/desk/orders/many/{verb}"
    page = f"{path}?" + "&".join(f"order={one.id}" for one in sold)
    form = {**desk.form(page, path), "order": [one.id for one in sold], **values}
    return desk.post(path, data=form)


def read(sale: Bought) -> orders.Order:
    with transaction() as session:
        return orders.get(session, sale.id)


def test_a_view_is_saved_opened_replaced_and_deleted(desk: Desk, sold: list[Bought]) -> None:
    first = save(desk, "/desk/orders?status=confirmed&from=2026-01-01", "<b>To pack")
    page = desk.get(first.headers["Location"]).text
    assert "The view is saved." in page
    assert "&lt;b&gt;To pack" in page
    links = re.findall(r'<a class="own-view" href="([^"]+)"', page)
    opened = desk.get(links[0].replace("&amp;", "&")).text
    assert 'value="2026-01-01"' in opened
    assert "Save these filters" not in opened
    save(desk, "/desk/orders?q=100", "<b>To pack")
    page = desk.get("/desk/orders?q=100").text
    assert len(re.findall("own-view", page)) == 1
    [action] = re.findall(rf"{VIEWS}/lvw_\w+/delete", page)
    deleted = desk.fill("/desk/orders?q=100", action)
    assert "q=100" in deleted.headers["Location"]
    page = desk.get(deleted.headers["Location"]).text
    assert "The view is deleted." in page
    assert "own-view" not in page


def test_views_belong_to_a_user_and_are_limited(desk: Desk, staff_of: Any, monkeypatch: Any) -> None:
    save(desk, "/desk/orders?q=100", "Mine")
    [view] = re.findall(r"lvw_\w+", desk.get("/desk/orders?q=100").text)
    other = staff_of("staff")
    assert "Mine" not in other.get("/desk/orders?q=100").text
    form = other.form("/desk/orders?q=1", VIEWS)
    assert other.post(f"{VIEWS}/{view}/delete", data=form).status_code == 404
    monkeypatch.setattr("models.accounts.saved_views.MAX_VIEWS", 1)
    refused = save(desk, "/desk/orders?q=101", "Another")
    assert refused.status_code == 409
    assert "as many views" in refused.text
    assert 'value="Another"' in refused.text
    assert 'value="101"' in refused.text
    assert save(desk, "/desk/orders?q=101", "Mine").status_code == 303


def test_a_view_without_a_name_or_with_unreadable_filters_is_refused(desk: Desk) -> None:
    form = desk.form("/desk/orders?q=100", VIEWS)
    for values in ({"name": " "}, {"name": "x" * 61}, {"name": "All", "q": ""}, {"name": "Odd", "status": "odd"}):
        refused = desk.post(VIEWS, data={**form, **values})
        assert refused.status_code == 422, values
    with transaction() as session:
        assert session.scalars(select(accounts.ListView)).all() == []


def test_a_closed_account_has_no_views(desk: Desk) -> None:
    save(desk, "/desk/orders?q=ada@example.org", "Mine")
    with transaction() as session:
        owner = session.scalars(select(accounts.ListView.user_id)).one()
        accounts.close(session, owner)
        assert session.scalars(select(accounts.ListView)).all() == []


def test_orders_are_shipped_in_bulk_and_those_refused_are_named(desk: Desk, sold: list[Bought]) -> None:
    path = "/desk/orders/many/ship"
    page = f"{path}?" + "&".join(f"order={one.id}" for one in sold)
    assert all(str(one.order.number) in desk.get(page).text for one in sold)
    form = {**desk.form(page, path), "order": [one.id for one in sold], "labels": "none"}
    first, second = desk.post(path, data=form), desk.post(path, data=form)
    for answer in (first, second):
        assert "2 orders are being shipped" in answer.text
        assert "1 was refused and not changed" in answer.text
        assert "This is not possible: the order is pending." in answer.text
    with transaction() as session:
        names = event_log.Event.name
        acted = session.scalars(select(event_log.Event.subject).where(names == "staff.acted")).all()
    assert {one.id for one in sold[:2]} <= set(acted)
    assert [read(one).parcels for one in sold] == [1, 1, 0]


def test_labels_cannot_be_bought_without_a_carrier(desk: Desk, sold: list[Bought], monkeypatch: Any) -> None:
    monkeypatch.setattr("models.fulfilment.labels.settings", Settings(carrier_api_key=""))
    assert "No carrier is set up" in many(desk, "ship", sold[:1], labels="buy").text
    assert read(sold[0]).parcels == 0


def test_orders_are_marked_and_cancelled_in_bulk(desk: Desk, sold: list[Bought]) -> None:
    assert "2 orders are being packed" in many(desk, "packing", sold[:2]).text
    again = many(desk, "packing", sold[:2]).text
    assert "Was so already:" in again
    assert "are being packed" not in again
    answer = many(desk, "cancel", sold, reason="The roof leaks")
    assert "3 orders are being cancelled" in answer.text
    assert [read(one).status for one in sold[:2]] == ["cancelled", "cancelled"]


def test_a_tag_is_added_and_the_undo_takes_it_only_from_those_that_got_it(desk: Desk, sold: list[Bought]) -> None:
    many(desk, "tag", sold[:1], tag="gift")
    answer = many(desk, "tag", sold, tag="gift")
    assert "2 orders have the tag." in answer.text
    [body] = re.findall(r'<form[^>]*action="/desk/orders/many/untag"[^>]*>(.*?)</form>', answer.text, re.DOTALL)
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body)
    undo = {name: value for name, value in hidden if name != "order"}
    undone = desk.post("/desk/orders/many/untag", data={**undo, "order": [v for n, v in hidden if n == "order"]})
    assert "The tag is removed from 2 orders." in undone.text
    assert [read(one).tags for one in sold] == [["gift"], [], []]
    for tag in ("", "x" * 65, "a,b"):
        refused = many(desk, "tag", sold, tag=tag)
        assert (refused.status_code, 'role="alert"' in refused.text) == (422, True), tag


def test_orders_may_take_long_together(desk: Desk, sold: list[Bought], monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL ends a transaction that is idle for five seconds."""

    def slow(session: Session, order_id: str, options: Any) -> bool:
        session.execute(text("SELECT pg_sleep(2)"))
        return orders.add_tag(session, order_id, options["tag"])

    monkeypatch.setitem(many_orders.WORK, "tag", slow)
    assert "3 orders have the tag." in many(desk, "tag", sold, tag="gift").text


def test_more_orders_than_a_form_takes_are_not_dropped_silently(
    desk: Desk, sold: list[Bought], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.desk.many_orders.MOST", 1)
    page = desk.get("/desk/orders/many/tag?" + "&".join(f"order={one.id}" for one in sold)).text
    assert "only the first 1 orders" in page
    refused = many(desk, "tag", sold, tag="gift")
    assert refused.status_code == 422
    assert [read(one).tags for one in sold] == [[], [], []]
    assert "1 order has the tag." in many(desk, "tag", sold[:1], tag="gift").text


def test_orders_that_do_not_exist_any_more_are_named_as_refused(desk: Desk, sold: list[Bought]) -> None:
    path, gone = "/desk/orders/many/tag", f"ord_{'0' * 32}"
    form = {**desk.form(f"{path}?order={sold[0].id}", path), "order": [gone, sold[0].id], "tag": "gift"}
    answer = desk.post(path, data=form).text
    assert "1 order has the tag." in answer
    assert "1 was refused and not changed" in answer


def test_without_ticks_nothing_is_asked_and_others_may_not(desk: Desk, staff_of: Any, sold: list[Bought]) -> None:
    assert "Tick orders in the list first." in desk.get("/desk/orders/many/ship?order=x").text
    finance = staff_of("finance")
    assert finance.get(f"/desk/orders/many/ship?order={sold[0].id}").status_code == 403
    assert 'name="order"' not in finance.get("/desk/orders").text


def test_the_picking_list_can_be_of_chosen_orders(desk: Desk, sold: list[Bought]) -> None:
    page = desk.get(f"/desk/picking?order={sold[0].id}").text
    assert f">{sold[0].order.number}</a>" in page
    assert f">{sold[1].order.number}</a>" not in page
    assert f">{sold[1].order.number}</a>" in desk.get("/desk/picking").text


def test_a_closed_account_is_in_no_view_of_others(desk: Desk) -> None:
    nell = make_customer("nell", "nell@example.org")
    with transaction() as session:
        accounts.update_profile(session, nell, {"first_name": "Nell", "last_name": "Omara"})
    filters = (f"user_id={nell}", "q=Nell@example.org", "q=omara", "q=Nell+Omara", "q=100", "status=confirmed")
    for number, chosen in enumerate(filters):
        assert save(desk, f"/desk/orders?{chosen}", f"View {number}").status_code == 303
    with transaction() as session:
        accounts.close(session, nell)
    with transaction() as session:
        kept = session.scalars(select(accounts.ListView.name).order_by(accounts.ListView.name)).all()
    assert kept == ["View 4", "View 5"]
