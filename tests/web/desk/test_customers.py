"""The desk's pages of accounts."""

import re
from collections.abc import Callable

from tests.web.desk.selling import Bought, Desk


def test_customers_are_found_with_their_orders_and_mails(desk: Desk, sale: Bought) -> None:
    path = f"/desk/customers/{sale.order.user_id}"
    assert path in desk.get("/desk/customers?q=grac").text
    assert path not in desk.get("/desk/customers?q=zzz").text
    assert path not in desk.get("/desk/customers?role=staff").text
    assert "cannot be read" in desk.get("/desk/customers?q=g").text
    page = desk.get(path).text
    assert "grace@example.org" in page
    assert str(sale.order.number) in page
    assert "order confirmed · email" in page
    assert path in desk.get(sale.path).text


def test_who_may_not_read_accounts_sees_none(staff_of: Callable[..., Desk], sale: Bought) -> None:
    warehouse = staff_of("warehouse")
    assert warehouse.get(f"/desk/customers/{sale.order.user_id}").status_code == 403
    assert "/desk/customers" not in warehouse.get(sale.path).text


def test_a_message_is_read_as_it_was_sent(desk: Desk, sale: Bought, staff_of: Callable[..., Desk]) -> None:
    page = desk.get(f"/desk/customers/{sale.order.user_id}").text
    [path] = set(re.findall(r'href="(/desk/messages/ntf_\w+)"', page))
    message = desk.get(path).text
    assert "ada@example.org" in message
    assert "order confirmed · email" in message
    assert staff_of("warehouse").get(path).status_code == 403
