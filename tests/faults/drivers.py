"""How a test starts a run of each workflow, and makes it go the way that is asked for."""

from collections.abc import Callable
from itertools import count

from models import inventory, runs
from models.database import transaction
from tests.shopping import make_customer, make_product, place_order

_numbers = count(1)


def checkout(refused_at: str | None = None) -> str:
    """A new customer buys two of one thing and one of another."""
    number = next(_numbers)
    plenty = make_product(f"PLENTY-{number}", 10)
    scarce = make_product(f"SCARCE-{number}", 1)
    method = "pm_card_chargeDeclined" if refused_at == "payments.authorise" else "pm_card_visa"
    user_id = make_customer(f"customer{number}")
    with transaction() as session:
        order = place_order(session, user_id, {plenty: 2, scarce: 1}, method)
        if refused_at == "inventory.reserve":
            inventory.adjust(session, scarce, -1, "broken")
        if refused_at == "orders.confirm":
            order.status = "cancelled"  # somebody has closed it behind the checkout's back
    return str(order.run_id)


def clean_up(refused_at: str | None = None) -> str:
    with transaction() as session:
        return runs.start(session, "clean_up", key=f"test-{next(_numbers)}", input={})


DRIVERS: dict[str, tuple[Callable[[str | None], str], tuple[str | None, ...]]] = {
    "checkout": (checkout, (None, "inventory.reserve", "payments.authorise", "orders.confirm")),
    "clean_up": (clean_up, (None,)),
}
"""Workflow → what starts a run of it and returns its id, and the ways that it knows."""
