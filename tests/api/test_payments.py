"""Visibility of orders and payments, and the provider's webhook, over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from durable import queries
from models import payments
from models.core.database import transaction
from settings import settings
from tests.conftest import Caller
from tests.shopping import make_product, place_order

HOOK = "/v1/webhooks/payments"
UNKNOWN = {"order": "ord_" + 32 * "0", "payment": "pay_" + 32 * "0"}


def bought(caller: Caller) -> tuple[str, str]:
    """Places an order; returns its id and that of its payment."""
    tea = make_product(f"TEA-{caller.username}", 10)
    with transaction() as session:
        order = place_order(session, caller.user_id, {tea: 1})
        session.info.clear()  # not to be published
        return order.id, payments.find_first_payment(session, order.id)


def ids(caller: Caller, path: str) -> list[str]:
    return [row["id"] for row in caller.get(path).json["data"]]


def test_customers_see_their_own_orders_and_staff_see_all(
    customer: Caller, staff: Caller, sign_in: Callable[..., Caller]
) -> None:
    stranger = sign_in("stranger")
    (order, payment), (other_order, other_payment) = bought(customer), bought(stranger)
    for caller, seen in ((customer, 200), (staff, 200), (stranger, 404)):
        for path in (f"/v1/orders/{order}", f"/v1/payments/{payment}"):
            assert caller.get(path).status_code == seen
    assert (ids(customer, "/v1/orders"), ids(customer, "/v1/payments")) == ([order], [payment])
    assert (ids(stranger, "/v1/orders"), ids(stranger, "/v1/payments")) == ([other_order], [other_payment])
    assert ids(staff, "/v1/orders") == [other_order, order]
    assert ids(staff, "/v1/payments") == [other_payment, payment]
    assert ids(staff, "/v1/me/orders") == []
    for path in (f"/v1/orders/{UNKNOWN['order']}", f"/v1/payments/{UNKNOWN['payment']}"):
        assert staff.get(path).status_code == 404


def test_an_order_shows_its_latest_payment(customer: Caller) -> None:
    order, first = bought(customer)
    shown = customer.get(f"/v1/orders/{order}").json
    assert (shown["payment_id"], shown["payment_status"]) == (first, "pending")
    with transaction() as session:
        payments.record_decline(session, first, "expired_card")
        second = payments.open_payment(session, order, 1999, "EUR", "pm_card_mastercard")
        payments.record_authorisation(session, second, "pi_1")
    shown = customer.get(f"/v1/orders/{order}").json
    assert (shown["payment_id"], shown["payment_status"]) == (second, "authorised")
    assert [listed["payment_id"] for listed in customer.get("/v1/orders").json["data"]] == [second]
    assert ids(customer, "/v1/payments") == [second, first]
    declined, held = (customer.get(f"/v1/payments/{one}").json for one in (first, second))
    assert (declined["decline_code"], held["reference"], held["gateway"]) == ("expired_card", "pi_1", "stripe")
    assert [(done["kind"], done["status"]) for done in declined["transactions"]] == [("authorise", "declined")]
    assert [(done["kind"], done["status"]) for done in held["transactions"]] == [("authorise", "succeeded")]


def post_event(client: Any, order_id: str | None, event_id: str = "evt_1", secret: str | None = None) -> Any:
    about = {"object": "payment_intent", "id": "pi_1", "metadata": {"order_id": order_id} if order_id else {}}
    event = {"id": event_id, "object": "event", "type": "payment_intent.succeeded", "data": {"object": about}}
    return post_signed(client, json.dumps(event), secret)


def post_signed(client: Any, body: str, secret: str | None = None) -> Any:
    signature = stripe.WebhookSignature.generate_signature_header(body, secret or settings.stripe_webhook_secret)
    return client.post(HOOK, data=body, headers={"Stripe-Signature": signature}, content_type="application/json")


def generation(run_id: str) -> int:
    """Increases each time that the run is woken."""
    with transaction() as session:
        run = queries.get_run(session, run_id)
        run.published_at = None  # no message of it is queued
        return run.generation


@pytest.fixture
def waiting(customer: Caller) -> tuple[str, str]:
    """An order and the run of its checkout, which waits for its next attempt."""
    order, _ = bought(customer)
    run_id: str = customer.get(f"/v1/orders/{order}").json["task_id"]
    assert generation(run_id) == 0
    return order, run_id


def test_a_signed_webhook_wakes_its_checkout_once(client: Any, waiting: tuple[str, str]) -> None:
    order, run_id = waiting
    for _ in range(2):
        assert post_event(client, order).status_code == 204
        assert generation(run_id) == 1
    assert post_event(client, order, "evt_2").status_code == 204
    assert generation(run_id) == 2
    assert post_event(client, None, "evt_3").status_code == 204
    assert generation(run_id) == 2


def test_a_webhook_with_a_wrong_signature_is_refused(client: Any, waiting: tuple[str, str]) -> None:
    order, run_id = waiting
    refused = post_event(client, order, secret="whsec_" + "z" * 32)
    assert (refused.status_code, refused.json["code"]) == (400, "bad_signature")
    unsigned = client.post(HOOK, data="{}", content_type="application/json")
    assert (unsigned.status_code, unsigned.json["code"]) == (400, "bad_signature")
    assert generation(run_id) == 0


@pytest.mark.parametrize(
    "event",
    [
        [1],
        {},
        {"id": 1},
        {"id": "evt_1", "object": "event", "type": "refund.failed"},
        {"id": "evt_1", "object": "event", "type": "refund.failed", "data": {"object": None}},
        {"id": "evt_1", "object": "event", "type": "refund.failed", "data": {"object": {"payment_intent": {"a": 1}}}},
        {"id": "evt_1", "object": "event", "type": "refund.failed", "data": {"object": {"metadata": ["a"]}}},
        {"id": ["evt_1"], "object": "event", "type": "refund.failed", "data": {"object": {}}},
        {"id": "evt_1", "object": "event", "type": 5, "data": {"object": {}}},
    ],
)
def test_a_signed_webhook_that_cannot_be_read_is_refused(client: Any, event: Any) -> None:
    refused = post_signed(client, json.dumps(event))
    assert (refused.status_code, refused.json["code"]) == (400, "bad_request")


def test_a_signed_webhook_about_unknown_objects_changes_nothing(client: Any) -> None:
    about = {"object": "refund", "id": "re_1", "metadata": {"order_id": "nonsense", "payment_id": "nonsense"}}
    event = {"id": "evt_1", "object": "event", "type": "refund.failed", "data": {"object": about}}
    assert post_signed(client, json.dumps(event)).status_code == 204
