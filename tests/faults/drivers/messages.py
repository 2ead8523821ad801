"""Starts runs of text messages and push notifications."""

from models import accounts, notifications
from models.core.database import transaction
from models.notifications import contexts, kinds
from tests.faults.drivers.registry import drives, numbers
from tests.faults.prepared import take
from tests.reaching import add_phone
from tests.shopping import make_customer


@drives("text_message")
def text_message(refused_at: str | None = None) -> str:
    """A customer with a verified number is notified that a product is back in stock."""
    user_id = make_customer(f"phoned{next(numbers)}")
    return _start(user_id, "sms", add_phone(user_id), None)


@drives("push_message")
def push_message(refused_at: str | None = None) -> str:
    """A customer with a device is notified of the same."""
    device_id = take("push_message")
    with transaction() as session:
        device = accounts.find_device(session, device_id)
        assert device is not None
    return _start(device.user_id, "push", accounts.host_of(device.endpoint), device_id)


@drives("verify_phone")
def verify_phone(refused_at: str | None = None) -> str:
    """A customer gives a phone number."""
    user_id = make_customer(f"verified{next(numbers)}")
    with transaction() as session:
        return accounts.set_phone(session, user_id, "+4915123456789")


def _start(user_id: str, channel: str, recipient: str, device_id: str | None) -> str:
    context: contexts.BackInStock = {"first_name": "Ada", "title": "Emma", "sku": "BOOK-EMMA"}
    with transaction() as session:
        return notifications.start_message(
            session, kinds.BACK_IN_STOCK, context, about=user_id, channel=channel, recipient=recipient, language="en",
            user_id=user_id, device_id=device_id,
        )  # fmt: skip
