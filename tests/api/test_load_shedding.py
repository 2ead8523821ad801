"""Load shedding: new orders are refused under overload, and accepted ones keep their response."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from local.waiting import wait_until
from models.core.database import transaction
from monitoring import overload
from tests.conftest import ADDRESS, Caller
from tests.faults import broker
from tests.shopping import make_product

BODY = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}


@pytest.fixture
def overloaded(customer: Caller) -> Iterator[None]:
    """A queue too long to be processed in time."""
    broker.client().rpush("inventory", *["waiting"] * (overload.MAX_UNKNOWN_BACKLOG + 1))
    try:
        assert wait_until(overload.retry_after, 30)
        yield
    finally:
        broker.client().delete("inventory")
        assert wait_until(lambda: overload.retry_after() is None, 30)


def check_out(caller: Caller, key: str) -> Any:
    return caller.post("/v1/checkout", json=BODY, headers={"Idempotency-Key": key})


@pytest.fixture
def accepted(customer: Caller) -> Any:
    customer.post("/v1/cart/items", json={"product_id": make_product("TEA", 10), "quantity": 2})
    answer = check_out(customer, "accepted")
    assert answer.status_code == 202
    return answer


def test_overload_refuses_a_new_order_without_side_effects(overloaded: None, customer: Caller) -> None:
    customer.post("/v1/cart/items", json={"product_id": make_product("TEA", 10), "quantity": 2})
    answer = check_out(customer, "new")
    assert (answer.status_code, answer.json["code"]) == (503, "overloaded")
    assert int(answer.headers["Retry-After"]) == answer.json["retry_after"] > 0
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM workflow.idempotency_key")) == 0
    assert len(customer.get("/v1/cart").json["items"]) == 1


def test_overload_replays_the_response_of_an_accepted_order(accepted: Any, overloaded: None, customer: Caller) -> None:
    again = check_out(customer, "accepted")
    assert (again.status_code, again.json) == (202, accepted.json)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_another_users_key_is_not_replayed_under_overload(accepted: Any, overloaded: None, sign_in: Any) -> None:
    assert check_out(sign_in("another"), "accepted").json["code"] == "overloaded"


def test_other_refusals_take_precedence_over_overload(overloaded: None, client: Any, customer: Caller) -> None:
    assert customer.post("/v1/checkout", json=BODY).json["code"] == "idempotency_key_required"
    key = {"Idempotency-Key": "new"}
    assert client.post("/v1/checkout", json=BODY, headers=key).json["code"] == "not_signed_in"
    forged = {**key, "Authorization": "Bearer forged"}
    assert client.post("/v1/checkout", json=BODY, headers=forged).json["code"] == "invalid_token"


def test_overload_refuses_nothing_but_checkouts(overloaded: None, customer: Caller) -> None:
    product_id = make_product("TEA", 10)
    assert customer.post("/v1/cart/items", json={"product_id": product_id, "quantity": 1}).status_code == 201
    assert customer.get("/v1/orders").status_code == 200


def test_orders_are_accepted_again_when_the_queue_is_short(accepted: Any, customer: Caller, overloaded: None) -> None:
    broker.client().delete("inventory")
    assert wait_until(lambda: check_out(customer, "new").json["code"] == "checkout_in_progress", 30)
