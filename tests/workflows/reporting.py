"""What the sandbox gateway reports later."""

import json
from typing import Any

import requests
import stripe

from durable import queries
from local.waiting import wait_until
from models.core.database import transaction
from settings import settings
from tests.shop import Shop


class Gateway:
    """Stripe as it behaves without a request, and its events, which reach the shop when a test posts them."""

    def __init__(self, shop: Shop, client: Any) -> None:
        self.url, self.client = shop.gateway.url, client

    def end_refund(self, reference: str, status: str) -> None:
        requests.post(f"{self.url}/sandbox/refunds/{reference}/end", {"status": status}, timeout=30).raise_for_status()

    def dispute(self, reference: str) -> str:
        made = requests.post(f"{self.url}/sandbox/payment_intents/{reference}/dispute", timeout=30)
        made.raise_for_status()
        return str(made.json()["id"])

    def decide(self, dispute: str, evidence: str) -> None:
        form = {"evidence[uncategorized_text]": evidence, "submit": "true"}
        url = f"{self.url}/v1/disputes/{dispute}"
        requests.post(url, form, auth=("sk_test_1", ""), timeout=30).raise_for_status()

    def events(self, reference: str, *prefixes: str) -> list[dict[str, Any]]:
        """The events about a payment whose type begins so, oldest first."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/sandbox/events", timeout=30).json()
        about = [event for event in found if event["data"]["object"].get("payment_intent") == reference]
        return [event for event in about if event["type"].startswith(prefixes)]

    def post(self, event: dict[str, Any]) -> None:
        """Posts an event to the shop's webhook, and waits until the shop has dealt with it."""
        body = json.dumps(event)
        signature = stripe.WebhookSignature.generate_signature_header(body, settings.stripe_webhook_secret)
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        assert self.client.post("/v1/webhooks/payments", data=body, headers=headers).status_code == 204
        assert wait_until(lambda: not updates_under_way(), 20, 0.05)


def updates_under_way() -> list[str]:
    with transaction() as session:
        found = session.scalars(queries.find_runs("payment_update"))
        return [run.id for run in found if run.finished_at is None]
