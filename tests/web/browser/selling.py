"""What staff do at the desk, and how a customer's page follows them."""

import re
from collections.abc import Callable
from functools import partial

from durable import queries
from local.waiting import wait_until
from models import fulfilment, orders
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.shopping import make_customer, place_order
from tests.web.browser.conftest import Visitor


def completed_order(product_id: str, quantity: int, username: str = "grace") -> str:
    """The id of an order whose checkout the workers have completed.

    Where workers run, a test cannot confirm an order by hand, as `Bought` does: they would do the same steps meanwhile.
    """
    user_id = make_customer(username)
    with transaction() as session:
        order_id = place_order(session, user_id, {product_id: quantity}).id
    complete(order_id)
    return order_id


def complete(order_id: str) -> None:
    """Waits until the checkout of an order has succeeded.

    Its page says that it is confirmed before that: only then the ordered goods are taken out of the basket.
    """

    assert wait_until(lambda: _is_complete(order_id), 60, 0.1)


def order_of(visitor: Visitor) -> str:
    """The id of the order whose page is shown."""
    return visitor.page.url.rpartition("/")[2].partition("?")[0]


def bring(order_id: str) -> None:
    """Lets staff ship an order and record that it has arrived, once the workers have completed its checkout."""
    complete(order_id)
    for status in ("processing", "shipped", "delivered"):
        with transaction() as session:
            actor = orders.get(session, order_id).user_id
            fulfilment.edit(session, order_id, actor=actor, status=status)
        assert wait_until(partial(_has_status, order_id, status), 60, 0.1)


def _is_complete(order_id: str) -> bool:
    with transaction() as session:
        run_id = orders.get(session, order_id).run_id
        return queries.get_run(session, run_id or "").status == "succeeded"


def _has_status(order_id: str, status: str) -> bool:
    with transaction() as session:
        return orders.get(session, order_id).status == status


def at_the_desk(visit: Callable[..., Visitor], username: str) -> Visitor:
    """Somebody of the staff, who has signed in and looks at the orders."""
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/sign-in?next=/desk/orders")
    visitor.fill({"username": username, "password": PASSWORD})
    visitor.page.locator("main button").first.click()
    visitor.page.wait_for_url("**/desk/orders")
    visitor.check()
    return visitor


def ship(packer: Visitor, **fields: str) -> None:
    """Ships a parcel from the page of an order, with a label of the carrier unless there is a tracking number."""
    form = packer.page.locator('form[action$="/ship"]').first
    for name, value in fields.items():
        form.locator(f'[name="{name}"]').fill(value)
    form.get_by_role("button", name="Ship").click()
    packer.page.wait_for_url(re.compile("done=shipping"))
    packer.check()


def look_again(visitor: Visitor, text: str) -> None:
    """Waits until the page of an order says so by itself. It asks every 20 seconds, so the browser's clock is moved;
    it needs `page.clock.install()`."""

    def says() -> bool:
        if visitor.page.get_by_text(text).first.is_visible():
            return True
        visitor.page.clock.fast_forward(21_000)
        visitor.page.wait_for_timeout(250)
        return False

    assert wait_until(says, 60, 0), (visitor.page.url, text, visitor.page.locator("main").inner_text())
