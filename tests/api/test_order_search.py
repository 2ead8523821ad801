"""`GET /v1/orders` with filters, and `shop orders find`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from cli.main import main
from models import carts, fulfilment, inventory, orders, payments
from models.core.database import transaction
from tests.shopping import make_customer, make_product, place_order


def confirmed(user_id: str, sku: str) -> str:
    """A confirmed and allocated order of one piece of a new product."""
    product_id = make_product(sku, 5)
    with transaction() as session:
        made = place_order(session, user_id, {product_id: 1})
        session.info.clear()  # not to be published
        inventory.reserve(session, made.id, {product_id: 1})
        payment_id = payments.find_first_payment(session, made.id)
        payments.record_authorisation(session, payment_id, f"pi_{sku}")
        orders.confirm(session, made.id)
        inventory.allocate(session, made.id)
        carts.remove_ordered(session, user_id, made.id, {product_id: 1})
        return made.id


@pytest.fixture
def shop_orders(client: Any) -> dict[str, str]:
    """An order of Ada's, one of Grace's that is packed, and one of Ada's that is pending."""
    ada, grace = make_customer("ada"), make_customer("grace")
    found = {"first": confirmed(ada, "TEA"), "packed": confirmed(grace, "CUP")}
    with transaction() as session:
        fulfilment.pack(session, found["packed"], tracking_number="1Z 999", actor=grace)
        found["pending"] = place_order(session, ada, {make_product("POT", 1): 1}).id
        session.info.clear()
    return found


Find = Callable[..., list[str]]


@pytest.fixture
def find(staff: Any, shop_orders: dict[str, str]) -> Find:
    """Searches by the API and by the command, which must agree; returns the names of the orders."""
    names = {order_id: name for name, order_id in shop_orders.items()}

    def both(q: str | None = None, **filters: str) -> list[str]:
        query = {**({"q": q} if q else {}), **filters}
        answer = staff.get("/v1/orders", query_string=query)
        assert answer.status_code == 200, answer.json
        days = {name: value[:10] if name in ("from", "to") else value for name, value in filters.items()}
        options = [part for name, value in days.items() for part in (f"--{name.replace('_', '-')}", value)]
        command = CliRunner().invoke(main, ["orders", "find", *([q] if q else []), *options, "--json"])
        assert command.exit_code == 0, command.output
        assert [row["id"] for row in json.loads(command.output)] == [row["id"] for row in answer.json["data"]]
        return [names[row["id"]] for row in answer.json["data"]]

    return both


def test_staff_find_orders_by_what_a_customer_can_name(find: Find, shop_orders: dict[str, str]) -> None:
    with transaction() as session:
        number = str(orders.get(session, shop_orders["packed"]).number)
        invoice = orders.get_invoice(session, shop_orders["first"]).number
    assert find(number) == ["packed"]
    assert find(invoice) == ["first"]
    assert find("pi_CUP") == ["packed"]
    assert find(" 1Z  999 ") == ["packed"]
    assert find("Grace@Example.org") == ["packed"]
    assert find("ADA  tester") == ["pending", "first"]
    assert find("tester") == ["pending", "packed", "first"]
    assert find("nobody") == []
    assert find("nobody@example.org") == []
    assert find("99999999999999999999") == []


def test_staff_filter_orders_by_status_goods_tag_and_date(find: Find, shop_orders: dict[str, str]) -> None:
    with transaction() as session:
        orders.annotate(session, shop_orders["first"], tags=["gift"])
    assert find(status="processing") == ["packed"]
    assert find("tester", status="pending") == ["pending"]
    assert find(payment_status="authorised") == ["packed", "first"]
    assert find(fulfilment_status="unfulfilled", status="confirmed") == ["first"]
    assert find(sku="CUP") == ["packed"]
    assert find(tag="gift") == ["first"]
    assert find(sku="CUP", tag="gift") == []
    today, day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0), timedelta(days=1)
    with transaction() as session:
        session.execute(text("""UPDATE orders."order" SET created_at = now() - interval '2 days' WHERE tags <> '{}'"""))
    assert find(**{"from": (today - day).isoformat()}) == ["pending", "packed"]
    assert find(to=(today - day).isoformat()) == []  # its id is of today


def test_a_search_is_paged_like_any_list(staff: Any, shop_orders: dict[str, str]) -> None:
    query = {"q": "tester", "limit": "2"}
    first = staff.get("/v1/orders", query_string=query).json
    assert first["has_more"]
    rest = staff.get("/v1/orders", query_string={**query, "cursor": first["next_cursor"]}).json
    assert [row["id"] for row in first["data"] + rest["data"]] == [
        shop_orders[name] for name in ("pending", "packed", "first")
    ]


def test_customers_cannot_search_and_bad_filters_are_refused(customer: Any, staff: Any) -> None:
    refused = customer.get("/v1/orders?tag=gift")
    assert (refused.status_code, refused.json["permission"]) == (403, "orders:read")
    assert customer.get("/v1/orders").status_code == 200
    for query in ("status=lost", "from=yesterday", "q=", f"sku={'x' * 65}", "colour=red", "to=2026-11-29T00:00:00"):
        assert staff.get(f"/v1/orders?{query}").status_code == 422, query


def test_the_command_prints_a_table_and_refuses_bad_days(database: None) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["orders", "find", *arguments], env={"COLUMNS": "200"})
        return result.exit_code, result.output

    assert run("tester") == (0, "No orders found.\n")
    order_id = confirmed(make_customer("ada"), "TEA")
    status, output = run("tester")
    assert (status, order_id in output, "19.99 EUR" in output) == (0, True, True)
    status, output = run("--from", "yesterday")
    assert status == 2
    assert "is not a day" in output


def test_a_closed_account_is_not_found_by_its_name(shop_orders: dict[str, str], find: Find) -> None:
    with transaction() as session:
        user_id = orders.get(session, shop_orders["packed"]).user_id
        orders.erase_user(session, user_id)
    assert find("grace tester") == []
    assert find("tester") == ["pending", "first"]
