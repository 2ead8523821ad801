"""Outside reservations by real workers."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from local.waiting import wait_until
from models import inventory
from models.core.database import transaction
from models.core.event_log import Event
from tests.models.shelves import available, broken
from tests.shop import Shop


def hold(staff: Any, product_id: str, units: int, **more: Any) -> dict[str, Any]:
    body = {"reference": "market-1", "lines": [{"product_id": product_id, "quantity": units}], **more}
    made = staff.post("/v1/reservations", json=body)
    assert made.status_code == 201, made.json
    shown: dict[str, Any] = made.json
    return shown


def wait(staff: Any, held: dict[str, Any], status: str) -> dict[str, Any]:
    task = f"/v1/tasks/{held['task_id']}"
    assert wait_until(lambda: staff.get(task).json["status"] == status, 20, 0.05), staff.get(task).json
    found: dict[str, Any] = staff.get(task).json
    return found


def released() -> list[dict[str, Any]]:
    with transaction() as session:
        return list(session.scalars(select(Event.payload).where(Event.name == "reservation.released")))


@pytest.mark.parametrize(("end", "status", "left"), [("ship", "shipped", 2), ("release", "released", 5)])
def test_the_task_waits_for_the_other_system(
    shop: Shop, staff: Any, product: Callable[..., str], end: str, status: str, left: int
) -> None:
    book = product("BOOK-OUTSIDE", 5)
    held = hold(staff, book, 3)
    wait(staff, held, "waiting")
    assert available(book) == 2
    assert staff.post(f"/v1/reservations/{held['id']}/{end}").json["status"] == status
    assert wait(staff, held, "succeeded")["result"] == {"reservation_id": held["id"], "status": status}
    assert (available(book), broken()) == (left, [])


def test_what_is_forgotten_expires_and_others_are_told(shop: Shop, staff: Any, product: Callable[..., str]) -> None:
    book = product("BOOK-FORGOTTEN", 5)
    held = hold(staff, book, 3, expires_in=1)
    ended = wait(staff, held, "cancelled")
    assert ended["error"]["code"] == "reservation_expired"
    assert staff.get(f"/v1/reservations/{held['id']}").json["status"] == "expired"
    assert released() == [{"reservation_id": held["id"], "reference": "market-1", "status": "expired"}]
    assert staff.post(f"/v1/reservations/{held['id']}/release").status_code == 200
    assert staff.post(f"/v1/reservations/{held['id']}/ship").json["code"] == "wrong_state"
    assert (available(book), broken()) == (5, [])


def test_cancelling_the_task_releases(
    shop: Shop, staff: Any, sign_in: Any, product: Callable[..., str]
) -> None:  # fmt: skip
    book, admin = product("BOOK-CANCELLED", 5), sign_in("root", "admin")
    held = hold(staff, book, 3)
    wait(staff, held, "waiting")
    assert admin.post(f"/v1/runs/{held['task_id']}/cancel").status_code in (200, 202)
    wait(staff, held, "cancelled")
    assert staff.get(f"/v1/reservations/{held['id']}").json["status"] == "released"
    assert (available(book), broken()) == (5, [])


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_a_worker_kill_releases_once(shop: Shop, staff: Any, product: Callable[..., str], point: str) -> None:
    book = product("BOOK-KILLED", 5)
    shop.armed.write_text(f"{point}@inventory.release_outside")
    held = hold(staff, book, 3, expires_in=1)
    wait(staff, held, "cancelled")
    assert shop.struck()
    assert len(released()) == 1
    with transaction() as session:
        assert inventory.get_outside(session, held["id"]).status == "expired"
    assert (available(book), broken()) == (5, [])
