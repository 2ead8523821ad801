"""`GET /v1/payments` with filters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import payments
from models.core.database import transaction
from tests.shopping import make_customer, make_product, place_order


@pytest.fixture
def opened() -> dict[str, str]:
    """Two payments: one authorised by Stripe, one pending at PayPal. Name → id."""
    ada = make_customer("ada")
    with transaction() as session:
        first = place_order(session, ada, {make_product("TEA", 1): 1})
        stripe = payments.find_first_payment(session, first.id)
        payments.record_authorisation(session, stripe, "pi_TEA")
        paypal = payments.open_payment(session, first.id, 100, "EUR", "paypal", gateway="paypal")
        session.info.clear()  # not to be published
    return {"order": first.id, "stripe": stripe, "paypal": paypal}


def test_staff_find_payments_by_status_provider_reference_order_and_time(staff: Any, opened: dict[str, str]) -> None:
    def ids(**query: str) -> list[str]:
        answer = staff.get("/v1/payments", query_string=query)
        assert answer.status_code == 200, answer.json
        return [row["id"] for row in answer.json["data"]]

    both, now, day = [opened["paypal"], opened["stripe"]], datetime.now(UTC), timedelta(days=1)
    assert ids(status="authorised") == [opened["stripe"]]
    assert ids(provider="paypal") == [opened["paypal"]]
    assert ids(reference="pi_TEA") == [opened["stripe"]]
    assert ids(order_id=opened["order"]) == both
    assert ids(order_id="ord_" + 32 * "0") == []
    assert ids(**{"from": (now - day).isoformat(), "to": (now + day).isoformat()}) == both
    assert ids(to=(now - day).isoformat()) == []
    first = staff.get("/v1/payments?limit=1").json
    assert [row["id"] for row in first["data"]] == both[:1]
    assert ids(limit="1", cursor=first["next_cursor"]) == both[1:]


def test_customers_cannot_search_and_bad_filters_are_refused(customer: Any, staff: Any) -> None:
    refused = customer.get("/v1/payments?status=failed")
    assert (refused.status_code, refused.json["code"], refused.json["permission"]) == (
        403, "not_allowed", "payments:read",
    )  # fmt: skip
    assert customer.get("/v1/payments").status_code == 200
    for query in ("status=lost", "provider=bank", "order_id=1", "from=yesterday", "reference="):
        assert staff.get(f"/v1/payments?{query}").status_code == 422, query
