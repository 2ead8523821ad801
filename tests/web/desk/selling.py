"""A browser of somebody of the staff, and orders that need no workers."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from models import fulfilment, payments
from models.core.database import transaction
from models.returns import Return
from tests.models.sales import Sale
from tests.shopping import make_customer, place_order
from tests.web.conftest import Browser


class Desk(Browser):
    """A browser of somebody of the staff, who fills in forms."""

    def form(self, page: str, action: str) -> dict[str, str]:
        """The hidden fields of the form on `page` that is sent to `action`."""
        html = self.get(page).text
        [body] = re.findall(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', html, re.DOTALL)
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body))

    def first_form(self, page: str, action: str) -> dict[str, str]:
        """The hidden fields of the first of several forms on `page` that are sent to `action`."""
        html = self.get(page).text.partition(f'action="{action}')[2].partition("</form>")[0]
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))

    def fill(self, page: str, action: str, **values: Any) -> Any:
        """Sends the form as it is on `page`, with these values."""
        return self.post(action, data={**self.form(page, action), **values})


class Bought(Sale):
    """An order of a customer: `buyer`, or a new one."""

    def __init__(self, product_id: str, quantity: int = 2, username: str = "grace", buyer: str = "") -> None:
        user_id = buyer or make_customer(username)
        with transaction() as session:
            self.order = place_order(session, user_id, {product_id: quantity})
            self.payment_id = payments.find_first_payment(session, self.order.id)
        self.lines, self.product_id, self.held = {product_id: quantity}, product_id, None
        self.path = f"/desk/orders/{self.id}"

    def confirmed(self) -> "Bought":
        """The order, confirmed and allocated."""
        for act in self.forwards():
            act()
        return self

    def disputed(self, state: str = "needs_response", reason: str = "fraudulent") -> "Bought":
        """The order, whose customer's bank has disputed the payment; there are nine days to respond."""
        about: payments.ReportedDispute = {
            "reference": "dp_1", "amount": self.order.total, "state": state, "reason": reason,
            "respond_by": (datetime.now(UTC) + timedelta(days=9, minutes=1)).isoformat(),
        }  # fmt: skip
        with transaction() as session:
            payments.record_report(session, self.payment_id, [], [about])
        return self

    def parcel(self) -> fulfilment.Parcel:
        """A parcel of everything, which has left after its payment was captured."""
        with transaction() as session:
            made = fulfilment.pack(session, self.id, tracking_number="1Z", actor=self.order.user_id)
            opened = payments.open_capture(session, self.payment_id, made.run_id)
            assert opened is not None
            payments.settle_capture(session, opened, self.order.total, "pi_captured")
            return fulfilment.ship(session, made.id, "fulfilment")


def made_returns(order_id: str) -> list[Return]:
    """The returns of an order."""
    with transaction() as session:
        return list(session.scalars(select(Return).where(Return.order_id == order_id)))
