"""PayPal's webhooks: the question whether PayPal has signed an event, and the event in the shop's words."""

import json
from collections.abc import Mapping
from typing import Any

from models.core.errors import BadRequest, BadSignature
from tasks.gateways.payments.paypal_orders import whose
from tasks.gateways.payments.provider import WebhookEvent

HEADERS = {
    "auth_algo": "paypal-auth-algo", "cert_url": "paypal-cert-url", "transmission_id": "paypal-transmission-id",
    "transmission_sig": "paypal-transmission-sig", "transmission_time": "paypal-transmission-time",
}  # fmt: skip

REPORTS = ("PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.", "CUSTOMER.DISPUTE.")
"""How the types of events begin that are about a refund or a dispute."""


def verification(payload: bytes, headers: Mapping[str, str], webhook_id: str) -> bytes:
    """What PayPal is asked. The event stays as it came, byte for byte: the signature covers its checksum.

    Raises BadSignature if a header is missing, BadRequest for an event that can't be read.
    """
    given = {name.lower(): value for name, value in headers.items()}
    if not all(given.get(header) for header in HEADERS.values()):
        raise BadSignature("A header of PayPal's signature is missing.")
    _parse(payload)
    asked = {name: given[header] for name, header in HEADERS.items()}
    return json.dumps({**asked, "webhook_id": webhook_id}).encode()[:-1] + b', "webhook_event": ' + payload + b"}"


def read_event(payload: bytes) -> WebhookEvent:
    """The event, whose reference is the id of the order at PayPal. Raises BadRequest for what can't be read."""
    event = _parse(payload)
    try:
        resource, kind = event["resource"], event["event_type"]
        units = resource.get("purchase_units") or [resource]
        related = (resource.get("supplementary_data") or {}).get("related_ids") or {}
        reference = resource["id"] if kind.startswith("CHECKOUT.ORDER.") else related.get("order_id")
        disputed = resource.get("disputed_transactions") or units
        custom_id = disputed[0].get("custom_id") or disputed[0].get("custom")
        return WebhookEvent(event["id"], kind, reference, *whose(custom_id), is_report=kind.startswith(REPORTS))
    except (LookupError, TypeError, AttributeError) as error:
        raise BadRequest("This is not an event of PayPal's.") from error


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        event = json.loads(payload)
    except ValueError:
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(event, dict):
        raise BadRequest("The body is not an event.")
    return event
