"""The page of an order at each of its stages, in three widths, light and dark; checked with axe."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from models import fulfilment, inventory, orders, returns
from models.core.database import transaction
from tests.conftest import Caller
from tests.serving import serving
from tests.shopping import make_product
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import take, windows
from tests.web.browser.signing_in import enter
from tests.web.desk.selling import Bought


@pytest.fixture
def site(tmp_path: Path, database: None) -> Iterator[str]:
    """A server alone: nothing moves while pictures are taken. It has a place for the stream of every window."""
    many = {"SHOP_API_THREADS": "96", "SHOP_STREAMS_PER_CALLER": "16", "SHOP_STREAMS_PER_NETWORK": "16"}
    with serving(tmp_path, **many) as url:
        yield url


def delivered(username: str, buyer: str = "") -> Bought:
    sale = Bought(make_product(f"D-{username}", 5), 2, username, buyer).confirmed()
    parcel = sale.parcel()
    with transaction() as session:
        fulfilment.deliver(session, parcel.id, sale.order.user_id)
    return sale


def returned(username: str) -> Bought:
    sale = delivered(username)
    with transaction() as session:
        made = returns.request(
            session, sale.id, {sale.product_id: 1}, reason="The cover is torn", comment=None,
            actor=sale.order.user_id, is_staff=False,
        )  # fmt: skip
        returns.refuse(session, made.id, "It was read.")
        returns.request(
            session, sale.id, {sale.product_id: 1}, reason="Too long", comment=None, actor=sale.order.user_id,
            is_staff=False,
        )  # fmt: skip
    return sale


def cancelled(username: str, code: str) -> Bought:
    sale = Bought(make_product(f"C-{username}", 5), 2, username)
    with transaction() as session:
        orders.cancel(session, sale.id, {"code": code, "detail": "No."})
    return sale


def in_parts(username: str) -> Bought:
    sale = Bought(make_product(f"P-{username}", 5), 2, username).confirmed()
    with transaction() as session:
        lines = {sale.product_id: 1}
        made = fulfilment.pack(session, sale.id, lines=lines, tracking_number="1Z", actor=sale.order.user_id)
        fulfilment.ship(session, made.id, "fulfilment")
    return sale


def backordered(username: str) -> Bought:
    product_id = make_product(f"B-{username}", 1)
    with transaction() as session:
        inventory.set_terms(session, product_id, 5, date(2030, 5, 4))
    return Bought(product_id, 2, username).confirmed()


STAGES: dict[str, Callable[[str], Bought]] = {
    "pending": lambda name: Bought(make_product("PENDING", 5), 2, name),
    "confirmed": lambda name: Bought(make_product("CONFIRMED", 5), 2, name).confirmed(),
    "in-parts": in_parts, "backordered": backordered, "delivered": delivered, "sent-back": returned,
    "declined": lambda name: cancelled(name, "payment_declined"),
    "cancelled": lambda name: cancelled(name, "cancelled_by_customer"),
    "too-late": lambda name: cancelled(name, "deadline_exceeded"),
}  # fmt: skip


def test_an_order_at_every_stage(visit: Callable[..., Visitor], sign_in: Callable[..., Caller]) -> None:
    boss = sign_in("boss", "staff").user_id
    paths = {name: f"/orders/{make(name).id}" for name, make in STAGES.items()}
    mine = Bought(make_product("MINE", 5), 2, buyer=boss).confirmed()  # only buyers are shown these forms
    paths |= {part: f"/orders/{mine.id}/{part}" for part in ("cancel", "cancel-pieces")}
    paths |= {"mine": f"/orders/{mine.id}", "return": f"/orders/{delivered('mine', boss).id}/return"}
    for window, look in windows(visit, enter(visit())):
        for name, path in paths.items():
            take(window, f"order-{look}", name, path)
            assert window.page.url == f"{window.url}{path}"
            window.check()
