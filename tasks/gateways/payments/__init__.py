"""Payment providers, each known by the name that stands in the payments which it holds."""

from settings import settings
from tasks.gateways.payments.paypal import PayPal
from tasks.gateways.payments.provider import PaymentProvider
from tasks.gateways.payments.stripe import Stripe

PROVIDERS: dict[str, PaymentProvider] = {"stripe": Stripe(settings), "paypal": PayPal(settings)}


def provider(gateway: str) -> PaymentProvider:
    """The provider of a payment's `gateway`. Raises KeyError for one that the shop does not have."""
    return PROVIDERS[gateway]
