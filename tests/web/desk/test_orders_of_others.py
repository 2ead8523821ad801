"""The shop's pages of orders of others: staff may see them, and change them at the desk only."""

from collections.abc import Callable

import pytest

from models import orders
from models.core.database import transaction
from tests.web.desk.selling import Bought, Desk
from web.once import new_token


@pytest.mark.parametrize("role", ["finance", "warehouse"])
def test_staff_change_no_order_of_others_in_the_shop(sale: Bought, staff_of: Callable[..., Desk], role: str) -> None:
    person, path = staff_of(role), f"/orders/{sale.id}"
    page = person.get(path)
    assert page.status_code == 200
    assert f"{path}/cancel" not in page.text
    pieces = {f"quantity-{sale.product_id}": "1", "reason": "Mine"}
    for name, form in (("cancel", {}), ("cancel-pieces", pieces), ("return", pieces)):
        refused = person.send(f"{path}/{name}", {**form, "once": new_token()})
        assert refused.status_code == 404, name
    with transaction() as session:
        assert orders.get(session, sale.id).status == "confirmed"
