"""Ids, money and timestamps in requests and responses."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from marshmallow import ValidationError

from api.http.fields import MAX_AMOUNT, IdField, Money, Schema, Timestamp
from settings import settings


class Thing(Schema):
    id = IdField("prd")
    at = Timestamp()


def refused(schema: Schema, data: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationError) as error:
        schema.load(data)
    assert isinstance(error.value.messages, dict)
    return set(error.value.messages)


def test_ids_have_their_prefix() -> None:
    good = "prd_" + "0af3" * 8
    assert Thing().load({"id": good}) == {"id": good}
    for bad in (good.upper(), "cat_" + "0" * 32, good[:-1], good + "0", good + "\n", "", 7):
        assert refused(Thing(), {"id": bad}) == {"id"}


def test_money_is_a_minor_unit_amount_in_the_shops_currency() -> None:
    money = {"amount": 1999, "currency": settings.currency}
    assert Money().load(money) == money
    for amount in (-1, 19.99, "1999", True, None, MAX_AMOUNT + 1):
        assert refused(Money(), {**money, "amount": amount}) == {"amount"}
    for currency in ("XXX", "eur", None):
        assert refused(Money(), {**money, "currency": currency}) == {"currency"}
    assert refused(Money(), {}) == {"amount", "currency"}


def test_times_are_shown_in_utc_and_require_an_offset() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert Thing().dump({"at": noon}) == {"at": "2026-03-01T10:00:00Z"}
    assert Thing().load({"at": "2026-03-01T12:00:00+02:00"})["at"] == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert refused(Thing(), {"at": "2026-03-01T12:00:00"}) == {"at"}


def test_unknown_fields_are_refused() -> None:
    assert refused(Thing(), {"colour": "red"}) == {"colour"}


def test_an_integer_may_be_written_with_a_zero_fraction(customer: Any) -> None:
    def put(quantity: str) -> Any:
        body = f'{{"product_id": "prd_{"0" * 32}", "quantity": {quantity}}}'
        return customer.post("/v1/cart/items", data=body, content_type="application/json")

    assert [put(number).status_code for number in ("2", "2.0", "2e0", "20e-1")] == [404] * 4
    assert [put(number).status_code for number in ("2.5", "1e30", "1e300", "true")] == [422] * 4
    assert put("1e400").json["code"] == "malformed_json"
