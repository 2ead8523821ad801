"""Stock counts by real workers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, text

from durable.tables import RunRecord
from local.waiting import wait_until
from models import inventory, notifications
from models.core.database import transaction
from tests.models.shelves import available, broken, reserve
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}


def open_count(staff: Any, lines: dict[str, int]) -> dict[str, Any]:
    counted = [{"product_id": product_id, "counted": units} for product_id, units in lines.items()]
    made = staff.post("/v1/stock-counts", json={"lines": counted})
    assert made.status_code == 201, made.json
    shown: dict[str, Any] = made.json
    wait(staff, shown, "waiting")
    return shown


def wait(staff: Any, count: dict[str, Any], status: str) -> None:
    task = count["links"]["task"]
    assert wait_until(lambda: staff.get(task).json["status"] == status, 20, 0.05), staff.get(task).json


def moved(count: dict[str, Any]) -> list[int]:
    with transaction() as session:
        table = inventory.Movement
        found = select(table.quantity).where(table.reference == count["id"], table.reason == "count")
        return sorted(session.scalars(found))


def texts(kind: str) -> list[str]:
    with transaction() as session:
        table = notifications.Notification
        return list(session.scalars(select(table.text).where(table.kind == kind)))


def test_an_approved_count_is_booked_while_goods_are_sold(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt, hat = product("SHIRT-COUNTED", 10), product("HAT-COUNTED", 4)
    count = open_count(staff, {shirt: 9, hat: 6})
    assert order(customer, {shirt: 3}).status_code == 201
    ended = staff.post(f"{count['links']['self']}/approve", headers=WAIT)
    assert (ended.status_code, ended.json["status"]) == (200, "booked"), ended.json
    assert ended.json["totals"]["booked"] == 2
    assert staff.get(count["links"]["task"]).json["result"] == {
        "stock_count_id": count["id"], "status": "booked", "movements": 2, "surplus": 2, "missing": 1, "short": 0,
    }  # fmt: skip
    assert (available(shirt), available(hat), moved(count)) == (6, 6, [-1, 2])
    assert (broken(), texts("count_short")) == ([], [])


def test_staff_hear_of_reserved_goods_that_are_missing(
    shop: Shop, staff: Any, product: Callable[..., str]
) -> None:  # fmt: skip
    shirt = product("SHIRT-MISSING", 5)
    reserve({shirt: 4})
    count = open_count(staff, {shirt: 1})
    ended = staff.post(f"{count['links']['self']}/approve", headers=WAIT).json
    assert (ended["status"], ended["lines"][0]["booked"], ended["lines"][0]["short"]) == ("booked", -1, 3)
    (said,) = texts("count_short")
    assert "3 × " in said, said
    assert "SHIRT-MISSING" in said, said
    assert (available(shirt), broken()) == (0, [])


@pytest.mark.parametrize("decision", ["refuse", "cancel"])
def test_a_refused_or_cancelled_count_books_nothing(
    shop: Shop, staff: Any, product: Callable[..., str], decision: str
) -> None:
    shirt = product("SHIRT-REFUSED", 5)
    count = open_count(staff, {shirt: 1})
    assert staff.post(f"{count['links']['self']}/submit").status_code == 200
    ended = staff.post(f"{count['links']['self']}/{decision}", json={"reason": "Shelf 4 is missing"}, headers=WAIT)
    status = {"refuse": "refused", "cancel": "cancelled"}[decision]
    assert (ended.status_code, ended.json["status"], ended.json["reason"]) == (200, status, "Shelf 4 is missing")
    task = staff.get(count["links"]["task"]).json
    assert (task["status"], task["error"]["code"]) == ("cancelled", f"count_{status}")
    assert (available(shirt), moved(count), broken(), texts("count_expired")) == (5, [], [], [])


def test_an_abandoned_count_expires_and_staff_hear_of_it(shop: Shop, staff: Any, product: Callable[..., str]) -> None:
    shirt = product("SHIRT-ABANDONED", 5)
    count = open_count(staff, {shirt: 1})
    with transaction() as session:
        session.execute(text("UPDATE inventory.stock_count SET created_at = created_at - interval '8 days'"))
        session.execute(text("UPDATE inventory.stock_count_line SET counted_at = counted_at - interval '8 days'"))
        run = session.get_one(RunRecord, count["task_id"])
        run.lease_until = run.created_at  # the time at which it was to look again has come
    wait(staff, count, "cancelled")
    shown = staff.get(count["links"]["self"]).json
    assert shown["status"] == "expired"
    assert "for too long" in shown["reason"]
    assert len(texts("count_expired")) == 1
    assert staff.post(f"{count['links']['self']}/approve").json["code"] == "wrong_state"
    assert (available(shirt), broken()) == (5, [])


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_a_worker_kill_does_not_book_a_difference_twice(
    shop: Shop, staff: Any, product: Callable[..., str], point: str
) -> None:
    shirt, hat = product("SHIRT-KILLED-TWICE", 5), product("HAT-KILLED-TWICE", 5)
    count = open_count(staff, {shirt: 3, hat: 6})
    shop.armed.write_text(f"{point}@inventory.book_count")
    assert staff.post(f"{count['links']['self']}/approve").status_code == 202
    wait(staff, count, "succeeded")
    assert shop.struck()
    assert (available(shirt), available(hat), moved(count), broken()) == (3, 6, [-2, 1], [])


def test_only_one_of_two_approvers_at_once_is_accepted(
    shop: Shop, staff: Any, sign_in: Any, product: Callable[..., str]
) -> None:
    shirt, other = product("SHIRT-APPROVED", 5), sign_in("other", "warehouse")
    count = open_count(staff, {shirt: 3})
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(one.post, f"{count['links']['self']}/approve") for one in (staff, other) * 2]
    assert sorted(one.result().status_code for one in asked) == [202, 409, 409, 409]
    wait(staff, count, "succeeded")
    assert (available(shirt), moved(count), broken()) == (3, [-2], [])
