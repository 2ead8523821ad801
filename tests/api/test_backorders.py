"""How many units of a product are sold beyond stock, over the REST API."""

from typing import Any

import pytest

from tests.conftest import Caller
from tests.models.shelves import product, reserve

TERMS = {"limit": 5, "promised_on": "2100-01-01"}


def path(product_id: str) -> str:
    return f"/v1/products/{product_id}/backorder"


def test_terms_are_set_changed_and_removed(staff: Caller) -> None:
    book = product("BOOK", 1)
    none = {"product_id": book, "limit": 0, "backordered": 0, "promised_on": None}
    assert staff.get(path(book)).json == none
    assert staff.put(path(book), json=TERMS).json == {**none, **TERMS}
    reserve({book: 4})
    assert staff.put(path(book), json={"limit": 2, "promised_on": "2100-02-01"}).json == {
        **none, "limit": 2, "promised_on": "2100-02-01", "backordered": 3,
    }  # fmt: skip
    assert staff.delete(path(book)).status_code == 204
    assert staff.get(path(book)).json == {**none, "backordered": 3}
    assert staff.put(path("prd_" + 32 * "0"), json=TERMS).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"limit": -1}, "limit"), ({"limit": "many"}, "limit"), ({"limit": 10**10}, "limit"),
        ({"promised_on": None}, "promised_on"), ({"promised_on": "2001-01-01"}, "promised_on"),
        ({"promised_on": "soon"}, "promised_on"), ({"why": 1}, "why"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(staff: Caller, change: dict[str, Any], field: str) -> None:
    refused = staff.put(path(product("BOOK")), json={**TERMS, **change})
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


def test_a_cart_takes_units_beyond_stock_up_to_the_limit(customer: Caller, staff: Caller) -> None:
    book = product("BOOK", 1)
    staff.put(path(book), json=TERMS)
    added = customer.post("/v1/cart/items", json={"product_id": book, "quantity": 6})
    assert (added.status_code, added.json["items"][0]["available"]) == (201, 6)
    more = customer.post("/v1/cart/items", json={"product_id": book, "quantity": 1})
    assert (more.status_code, more.json["code"], more.json["available"]) == (409, "insufficient_stock", 6)


def test_terms_require_permissions(customer: Caller, staff: Caller) -> None:
    book = product("BOOK")
    answers = [customer.get(path(book)), customer.put(path(book), json=TERMS), customer.delete(path(book))]
    assert {answer.status_code for answer in answers} == {403}
