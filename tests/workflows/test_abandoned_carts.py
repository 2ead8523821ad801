"""Reminders of abandoned carts and expiry of old ones, with real workers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

import durable
from durable.tables import RunRecord
from local.waiting import wait_until
from models import carts
from models.accounts import User
from models.core.database import transaction
from tests.shop import Shop


def _make_idle(caller: Any, hours: float) -> None:
    with transaction() as session:
        idle = update(carts.Cart).where(carts.Cart.user_id == caller.user_id)
        session.execute(idle.values(updated_at=func.now() - timedelta(hours=hours)))


def _run_abandoned_carts(slot: str) -> None:
    """Starts the slot as beat does, and waits until all runs have ended."""
    with transaction() as session:
        durable.start(session, "abandoned_carts", key=slot, input={"slot": slot})

    def quiet() -> bool:
        with transaction() as session:
            return session.scalars(select(func.count()).where(RunRecord.finished_at.is_(None))).one() == 0

    assert wait_until(quiet, 30, 0.05)


def _mails(shop: Shop, caller: Any) -> list[dict[str, Any]]:
    return [mail for mail in shop.mails() if mail["to"] == [f"{caller.username}@example.org"]]


def test_a_customer_is_reminded_once_of_an_abandoned_cart(
    shop: Shop, sign_in: Callable[..., Any], product: Callable[..., str]
) -> None:
    cup = product("CUP", 10)
    forgetful, quick, long_gone = sign_in("forgetful"), sign_in("quick"), sign_in("longgone")
    for caller, hours in ((forgetful, 30), (quick, 1), (long_gone, 300)):
        caller.post("/v1/cart/items", json={"product_id": cup, "quantity": 2})
        _make_idle(caller, hours)
    _make_idle(sign_in("empty"), 30)
    for slot in ("one", "two"):
        _run_abandoned_carts(slot)
    [mail] = _mails(shop, forgetful)
    assert mail["subject"] == "You left something in your cart"
    assert _mails(shop, quick) == _mails(shop, long_gone) == []
    forgetful.patch(f"/v1/cart/items/{cup}", json={"quantity": 1})
    _make_idle(forgetful, 26)
    _run_abandoned_carts("three")
    assert len(_mails(shop, forgetful)) == 2


def test_a_closed_account_is_not_reminded(shop: Shop, sign_in: Callable[..., Any], product: Callable[..., str]) -> None:
    closed = sign_in("closed")
    closed.post("/v1/cart/items", json={"product_id": product("CUP", 10), "quantity": 2})
    _make_idle(closed, 30)
    with transaction() as session:
        session.execute(update(User).where(User.id == closed.user_id).values(status="closed"))
    _run_abandoned_carts("one")
    assert _mails(shop, closed) == []


def test_a_customer_who_opted_out_gets_no_reminder(
    shop: Shop, sign_in: Callable[..., Any], product: Callable[..., str]
) -> None:
    cup = product("CUP", 10)
    content, reminded = sign_in("content"), sign_in("reminded")
    answer = content.patch("/v1/me/preferences", json={"cart_reminder": {"email": False}})
    assert answer.json["cart_reminder"]["email"] is False
    for caller in (content, reminded):
        caller.post("/v1/cart/items", json={"product_id": cup, "quantity": 2})
        _make_idle(caller, 30)
    _run_abandoned_carts("one")
    assert len(_mails(shop, reminded)) == 1
    assert _mails(shop, content) == []


def test_a_full_batch_starts_another_run(shop: Shop, database: None) -> None:
    with transaction() as session:
        session.add_all(
            carts.Cart(id=f"crt_{number:032x}", token_hash=str(number), updated_at=func.now() - timedelta(days=31))
            for number in range(1200)
        )
        durable.start(session, "cart_expiry", key="slot", input={"slot": "slot"})

    def left() -> int:
        with transaction() as session:
            return session.scalars(select(func.count()).select_from(carts.Cart)).one()

    assert wait_until(lambda: left() == 0, 30, 0.05)
    with transaction() as session:
        keys = session.scalars(select(RunRecord.key).where(RunRecord.workflow == "cart_expiry").order_by(RunRecord.key))
        assert list(keys) == ["slot", "slot/2", "slot/3"]
