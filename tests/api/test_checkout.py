"""`POST /v1/checkout`: responses before an order is placed."""

from tests.conftest import ADDRESS, Caller
from tests.shopping import make_product

BODY = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}


def test_a_second_checkout_under_another_key_names_the_first(customer: Caller) -> None:
    customer.post("/v1/cart/items", json={"product_id": make_product("TEA", 10), "quantity": 2})
    first = customer.post("/v1/checkout", json=BODY, headers={"Idempotency-Key": "one"})
    second = customer.post("/v1/checkout", json=BODY, headers={"Idempotency-Key": "two"})
    assert (second.status_code, second.json["code"]) == (409, "checkout_in_progress")
    named = ("task_id", "order_id", "links")
    assert [second.json[name] for name in named] == [first.json[name] for name in named]
    assert customer.get(second.json["links"]["task"]).json["status"] == "running"
    again = customer.post("/v1/checkout", json=BODY, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json) == (202, first.json)
    assert len(customer.get("/v1/orders").json["data"]) == 1
