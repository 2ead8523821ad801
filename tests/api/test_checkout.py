"""`POST /v1/checkout`: responses before an order is placed."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select

from api.checkout import views
from models import payments
from models.core.database import transaction
from settings import settings
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


def test_of_checkouts_at_once_under_different_keys_one_is_accepted(app: Any, customer: Caller) -> None:
    """Finding 6 of the attack: four keys, four orders, four holds."""
    customer.post("/v1/cart/items", json={"product_id": make_product("TEA", 100), "quantity": 2})
    begin = Barrier(8)

    def check_out(key: int) -> Any:
        headers = {**customer.headers, "Idempotency-Key": f"key-{key}"}
        begin.wait()
        return app.test_client().post("/v1/checkout", json=BODY, headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(check_out, range(8)))
    accepted = [answer.json for answer in answers if answer.status_code == 202]
    refused = [answer.json for answer in answers if answer.status_code != 202]
    assert len(accepted) == 1
    assert {(answer["status"], answer["code"]) for answer in refused} == {(409, "checkout_in_progress")}
    assert {answer["task_id"] for answer in refused} == {accepted[0]["task_id"]}
    assert len(customer.get("/v1/orders").json["data"]) == 1
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(payments.Payment)) == 1


def test_customers_return_to_the_public_address(customer: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "settings", settings.model_copy(update={"api_url": "https://api.shop.example"}))
    customer.post("/v1/cart/items", json={"product_id": make_product("TEA", 10), "quantity": 2})
    customer.post("/v1/checkout", json=BODY, headers={"Idempotency-Key": "one"})
    with transaction() as session:
        [payment] = session.scalars(select(payments.Payment))
    assert payment.return_url == "https://api.shop.example/v1/payments/return"
