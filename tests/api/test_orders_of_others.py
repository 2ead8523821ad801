"""Changes of orders of others: whoever only sees them, changes nothing, and what staff change is in the audit log."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from models import fulfilment, orders, returns
from models.core.database import transaction
from models.core.event_log import Event
from tests.shopping import make_product
from tests.web.desk.selling import Bought


@pytest.fixture
def sale(database: None) -> Bought:
    """A confirmed order of somebody."""
    return Bought(make_product("EMMA", 6)).confirmed()


def status_of(sale: Bought) -> str:
    with transaction() as session:
        return orders.get(session, sale.id).status


def recorded() -> list[tuple[str | None, str]]:
    with transaction() as session:
        found = session.scalars(select(Event).where(Event.name == "staff.acted"))
        return [(one.subject, one.payload["permission"]) for one in found]


def test_who_only_sees_an_order_cancels_and_returns_nothing(
    sale: Bought, client: Any, sign_in: Callable[..., Any]
) -> None:
    finance, admin = sign_in("penny", "finance"), sign_in("root", "admin")
    made = admin.post("/v1/api-keys", json={"name": "reader", "permissions": ["orders:read"]}).json
    for headers in (finance.headers, {"X-Api-Key": made["key"]}):
        assert client.get(f"/v1/orders/{sale.id}", headers=headers).status_code == 200
        for path, body in (
            ("cancel", {}),
            ("cancel", {"lines": [{"product_id": sale.product_id, "quantity": 1}]}),
            ("returns", {"reason": "Mine", "lines": [{"product_id": sale.product_id, "quantity": 1}]}),
        ):
            refused = client.post(f"/v1/orders/{sale.id}/{path}", json=body, headers=headers)
            assert (refused.status_code, refused.json.get("permission")) == (403, "orders:write"), path
    assert status_of(sale) == "confirmed"


def test_a_return_by_who_only_sees_the_order_is_refused(sale: Bought, sign_in: Callable[..., Any]) -> None:
    parcel = sale.parcel()
    with transaction() as session:
        fulfilment.deliver(session, parcel.id, sale.order.user_id)
    body = {"reason": "Mine", "lines": [{"product_id": sale.product_id, "quantity": 1}]}
    assert sign_in("penny", "finance").post(f"/v1/orders/{sale.id}/returns", json=body).status_code == 403
    with transaction() as session:
        assert session.scalars(select(returns.Return)).all() == []


def test_what_staff_cancel_for_a_customer_is_in_the_audit_log(sale: Bought, sign_in: Callable[..., Any]) -> None:
    staff = sign_in("sam", "staff")
    assert staff.post(f"/v1/orders/{sale.id}/cancel", json={}).status_code == 202
    assert recorded() == [(sale.id, "orders:write")]
