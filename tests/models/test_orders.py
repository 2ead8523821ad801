"""Orders: their events, and when they can be confirmed or cancelled."""

from typing import Any

import pytest
from sqlalchemy import func, select

from durable.tables import RunRecord
from models import carts, orders
from models.core import event_log
from models.core.database import transaction
from models.core.errors import Conflict
from models.core.events import OrderCreated
from tests.conftest import ADDRESS
from tests.shopping import make_customer, make_product

NO = {"code": "payment_declined", "detail": "No."}


@pytest.fixture
def user() -> str:
    return make_customer("ada")


@pytest.fixture
def placed(user: str) -> str:
    """A pending order."""
    with transaction() as session:
        carts.add(session, user, make_product("TEA", 10), 2)
        token = event_log.actor.set(user)
        order = orders.place(session, user, ADDRESS, "pm_card_visa")
        event_log.actor.reset(token)
        session.info.clear()  # not to be published
    return order.id


def confirm(order_id: str) -> None:
    with transaction() as session:
        orders.confirm(session, order_id)


def cancel(order_id: str) -> None:
    with transaction() as session:
        orders.cancel(session, order_id, NO)


def happened(order_id: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    with transaction() as session:
        found = session.scalars(event_log.select_events(subject=order_id).order_by(event_log.Event.id)).all()
    return [(event.name, event.actor, event.payload) for event in found]


def test_an_order_emits_created_and_then_confirmed(placed: str, user: str) -> None:
    about = {"order_id": placed, "user_id": user}
    assert happened(placed) == [("order.created", user, about)]
    confirm(placed)
    assert happened(placed) == [("order.created", user, about), ("order.confirmed", None, about)]


def test_a_cancelled_order_emits_created_and_cancelled(placed: str) -> None:
    for _ in range(2):
        cancel(placed)
    assert [name for name, _, _ in happened(placed)] == ["order.created", "order.cancelled"]


def test_a_new_order_starts_the_workflows_of_its_event(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderCreated, "starts", ("welcome",))  # its input is a user_id
    with transaction() as session:
        carts.add(session, user, make_product("TEA", 10), 2)
        orders.place(session, user, ADDRESS, "pm_card_visa")
        event = session.scalars(event_log.select_events(name="order.created")).one()
        started = session.scalars(select(func.count()).select_from(RunRecord).where(RunRecord.key == event.id)).one()
        session.info.clear()
    assert started == 1


@pytest.mark.parametrize("before", [confirm, cancel])
def test_only_a_pending_order_can_be_confirmed(placed: str, before: Any) -> None:
    before(placed)
    with pytest.raises(Conflict) as refused:
        confirm(placed)
    assert refused.value.code == "wrong_state"
    assert refused.value.extra["current"] == {confirm: "confirmed", cancel: "cancelled"}[before]
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(orders.Invoice)).one() == (before is confirm)


def test_a_confirmed_order_cannot_be_cancelled_and_keeps_its_cart(placed: str, user: str) -> None:
    confirm(placed)
    with pytest.raises(Conflict) as refused:
        cancel(placed)
    assert refused.value.extra == {"current": "confirmed", "possible": ["processing", "cancelled"]}
    with transaction() as session:
        assert (orders.get(session, placed).status, orders.get(session, placed).reason) == ("confirmed", None)
        assert session.scalars(select(carts.Cart.order_id).where(carts.Cart.user_id == user)).one() == placed
