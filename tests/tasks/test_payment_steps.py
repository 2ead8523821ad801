"""The requests of the payment steps to the provider."""

from datetime import UTC, datetime
from typing import Any

import pytest

from durable import store
from durable.tables import StepRecord
from models import payments as rules
from models.core.database import transaction
from tasks import payments
from tests.shopping import make_customer, make_product, place_order

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def order() -> Any:
    with transaction() as session:
        placed = place_order(session, make_customer("ada"), {make_product("TEA", 10): 2})
        session.info.clear()  # not to be published
    return placed


def asked(step: Any, run_id: str) -> dict[str, Any]:
    with transaction() as session:
        request: dict[str, Any] = step.work(session, store.lock(session, run_id))
    return request


def test_the_request_names_the_runs_payment_and_provider(order: Any) -> None:
    with transaction() as session:
        payment_id = rules.find_first_payment(session, order.id)
        rules.open_payment(session, order.id, 1, "EUR", "pm_card_visa")  # another payment, unknown to the run
    request = asked(payments.authorise, order.run_id)
    since = datetime.fromisoformat(request.pop("since"))
    assert (datetime.now(UTC) - since).total_seconds() < 60
    assert request == {
        "payment_id": payment_id, "order_id": order.id, "amount": 3998, "currency": "EUR", "method": "pm_card_visa",
        "gateway": "stripe", "user_id": order.user_id,
    }  # fmt: skip
    undone = asked(payments.void, order.run_id)
    assert (undone["reference"], undone["hold"]["payment_id"]) == (None, payment_id)


def test_an_undo_repeats_the_stored_request(order: Any) -> None:
    """A provider refuses a key with another request, including one stored by an earlier release."""
    kept = {"order_id": order.id, "amount": 3998, "currency": "EUR", "method": "pm_card_visa", "since": "2026-11-29"}
    with transaction() as session:
        session.add(
            StepRecord(run_id=order.run_id, name="payments.authorise", status="intent", queue="payments", attempts=1,
                       request=kept, started_at=datetime.now(UTC))
        )  # fmt: skip
    undone = asked(payments.void, order.run_id)
    assert undone == {"reference": None, "hold": kept, "hold_key": f"{order.run_id}:payments.authorise"}
