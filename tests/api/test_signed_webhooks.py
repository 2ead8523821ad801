"""Webhooks that are signed, but malformed: whoever has the secret may still send anything. Never a 5xx."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sandbox.carrier.webhooks import signature
from settings import Settings, settings
from tasks.gateways.payments import PROVIDERS
from tasks.gateways.payments.paypal import PayPal

ORDER, PAYMENT = "ord_" + "0" * 32, "pay_" + "0" * 32
STRIPE = {
    "id": "evt_1", "object": "event", "type": "refund.failed",
    "data": {"object": {
        "object": "refund", "id": "re_1", "payment_intent": "pi_1",
        "metadata": {"order_id": ORDER, "payment_id": PAYMENT},
    }},
}  # fmt: skip
PAYPAL = {
    "id": "WH-1", "event_type": "CUSTOMER.DISPUTE.CREATED",
    "resource": {
        "id": "5O190127TN364715T",
        "purchase_units": [{"custom_id": f"{ORDER}/{PAYMENT}"}],
        "disputed_transactions": [{"custom": f"{ORDER}/{PAYMENT}"}],
        "supplementary_data": {"related_ids": {"order_id": "5O190127TN364715T"}},
    },
}  # fmt: skip
CARRIER = {
    "id": "evt_1", "description": "tracker.updated",
    "result": {
        "tracking_code": "EZ1", "carrier": "USPS", "shipment_id": "shp_1", "status": "in_transit",
        "updated_at": "2026-11-30T10:00:00Z",
        "tracking_details": [{
            "status": "in_transit", "message": "Shipped", "datetime": "2026-11-30T10:00:00Z",
            "tracking_location": {"city": "London", "state": None, "country": "GB"},
        }],
    },
}  # fmt: skip
PAYPAL_HEADERS = {
    f"PayPal-{name}": "x" for name in ("Auth-Algo", "Cert-Url", "Transmission-Id", "Transmission-Sig",
                                       "Transmission-Time")
}  # fmt: skip


class Believer(BaseHTTPRequestHandler):
    """A PayPal that has signed every event."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"access_token": "A21", "expires_in": 9000, "verification_status": "SUCCESS"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture(scope="module")
def believer() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Believer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def post(client: Any, believer: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], Any]:
    """Posts a signed event to the webhook of a provider."""
    monkeypatch.setitem(PROVIDERS, "paypal", PayPal(Settings(paypal_port=believer)))

    def posted(provider: str, event: Any) -> Any:
        body = json.dumps(event)
        headers = sign(provider, body)
        return client.post(f"/v1/webhooks/{provider}", data=body, headers=headers, content_type="application/json")

    return posted


def sign(provider: str, body: str) -> dict[str, str]:
    """The headers of a signed webhook."""
    if provider == "payments":
        secret = settings.stripe_webhook_secret
        return {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body, secret)}
    if provider == "paypal":
        return PAYPAL_HEADERS
    return {"X-Hmac-Signature": signature(body, settings.carrier_webhook_secret)}


EVENTS = {"payments": STRIPE, "paypal": PAYPAL, "carrier": CARRIER}
MOMENTS = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-30", "2026-11-30T10:00:00")
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.integers(2**62, 2**70) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from([*MOMENTS, "x" * 101, "x" * 5000, "é" * 300])
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "a"]), inner),
    max_leaves=5,
)
DELETED = object()


def places(event: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value within the event."""
    for name, value in event.items() if isinstance(event, dict) else enumerate(event):
        yield (*path, name)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, name))


def changed(event: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The event with another value in one place, or without it."""
    found = result = deepcopy(event)
    for name in place[:-1]:
        found = found[name]
    if value is DELETED:
        del found[place[-1]]
    else:
        found[place[-1]] = value
    return result


@pytest.mark.parametrize("provider", EVENTS)
def test_the_event_that_is_made_malformed_is_accepted(post: Callable[[str, Any], Any], provider: str) -> None:
    assert post(provider, EVENTS[provider]).status_code == 204


@pytest.mark.parametrize("provider", EVENTS)
def test_a_wrong_type_in_any_place_is_no_server_error(post: Callable[[str, Any], Any], provider: str) -> None:
    event: Any = EVENTS[provider]
    for place in places(event):
        for value in (None, [], {}, 0, 5, True, "", [1], {"a": 1}, "x" * 5000, *MOMENTS, DELETED):
            wrong = changed(event, place, value)
            answer = post(provider, wrong)
            assert answer.status_code in (204, 400), wrong
    for wrong in ([], [event], None, 5, "x", {}):
        assert post(provider, wrong).status_code == 400, wrong


@pytest.mark.parametrize("provider", EVENTS)
@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_signed_json_is_accepted_or_refused(post: Callable[[str, Any], Any], provider: str, data: Any) -> None:
    event: Any = EVENTS[provider]
    for place in data.draw(st.lists(st.sampled_from(list(places(event))), max_size=3, unique=True)):
        try:
            event = changed(event, place, data.draw(JSON))
        except (LookupError, TypeError, AttributeError):
            continue  # an earlier change has removed the place
    event = data.draw(st.just(event) | JSON)
    assert post(provider, event).status_code in (204, 400), event
