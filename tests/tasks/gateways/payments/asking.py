"""Helpers for Stripe's adapter and the ledger of the sandbox."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import requests

from settings import Settings
from tasks.gateways.payments.provider import AuthorisationRequest, ProviderPayment
from tasks.gateways.payments.stripe import Stripe
from tests.servers import Server

SECRET = "whsec_" + "y" * 32


def stripe_at(port: int, timeout: float = 2.0) -> Stripe:
    return Stripe(Settings(gateway_port=port, gateway_timeout=timeout, stripe_webhook_secret=SECRET))


def fault(server: Server, **fault: Any) -> None:
    requests.post(server.url + "/sandbox/faults", json=fault, timeout=30).raise_for_status()


def new_key() -> str:
    return uuid4().hex


def request(**changes: Any) -> AuthorisationRequest:
    asked: dict[str, Any] = {
        "order_id": f"ord_{new_key()}", "payment_id": f"pay_{new_key()}", "amount": 1999, "currency": "EUR",
        "method": "pm_card_visa", "since": datetime.now(UTC),
    }  # fmt: skip
    return AuthorisationRequest(**{**asked, **changes})


def made(provider: Stripe, of: AuthorisationRequest) -> list[ProviderPayment]:
    return provider.find(order_id=of.order_id, payment_id=of.payment_id, since=of.since)


def ledger(gateway: Server) -> list[dict[str, Any]]:
    """The ledger of the sandbox."""
    found: list[dict[str, Any]] = requests.get(gateway.url + "/sandbox/ledger", timeout=30).json()
    return found
