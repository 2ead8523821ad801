"""What a shop in production must not run with: sandboxes, default secrets, and what is for tests only."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from setting_groups.secret import DEFAULT_SECRET

if TYPE_CHECKING:
    from settings import Settings

SHORTEST = 16  # characters of a secret
SECRETS = ("secret_key", "flower_password", "stripe_webhook_secret", "carrier_webhook_secret")
KNOWN_VAPID_KEY = "c2hvcGZsb3ctb25seS1mb3ItZGV2ZWxvcG1lbnQtMTI"  # 32 bytes, base64url; of development


def list_mistakes(settings: "Settings") -> list[str]:
    """One sentence for each setting that production refuses."""
    return [*_secrets(settings), *_providers(settings), *_addresses(settings), *_of_tests(settings)]


def _secrets(settings: "Settings") -> Iterator[str]:
    paypal = ("paypal_client_secret",) if settings.paypal_base else ()
    for name in (*SECRETS, *paypal):
        value, setting = getattr(settings, name), f"SHOP_{name.upper()}"
        if value in ("", DEFAULT_SECRET):
            yield f"{setting} is not set: default secrets are not allowed in production."
        elif len(value) < SHORTEST:
            yield f"{setting} has fewer than {SHORTEST} characters."
    if settings.vapid_private_key == KNOWN_VAPID_KEY:
        yield "SHOP_VAPID_PRIVATE_KEY is the key of development, which everybody knows."


def _providers(settings: "Settings") -> Iterator[str]:
    if not settings.stripe_api_base:
        yield "SHOP_STRIPE_API_BASE is not set: the sandbox gateway takes no money. Set it to https://api.stripe.com."
    if settings.stripe_api_key == "sk_test_sandbox":
        yield "SHOP_STRIPE_API_KEY is that of the sandbox gateway."
    if settings.paypal_base and settings.paypal_client_id == "sandbox":
        yield "SHOP_PAYPAL_CLIENT_ID is that of the sandbox PayPal."
    if settings.paypal_base and settings.paypal_webhook_id == "WH-SANDBOX":
        yield "SHOP_PAYPAL_WEBHOOK_ID is that of the sandbox PayPal."
    if settings.carrier_api_key and not settings.carrier_api_base:
        yield (
            "SHOP_CARRIER_API_BASE is not set: the labels of the sandbox carrier are not real. Set it to "
            "https://api.easypost.com/v2, or SHOP_CARRIER_API_KEY to nothing for no carrier."
        )
    if settings.carrier_api_key == "EZTK_sandbox":
        yield "SHOP_CARRIER_API_KEY is that of the sandbox carrier."
    if not settings.smtp_url:
        yield "SHOP_SMTP_URL is not set: everybody on this machine can read the mailbox. Set it to a mail server."


def _addresses(settings: "Settings") -> Iterator[str]:
    for name in ("stripe_api_base", "paypal_base", "carrier_api_base", "public_url", "api_url"):
        if getattr(settings, name).startswith("http://"):
            yield f"SHOP_{name.upper()} is not encrypted: it must begin with https://."
    if any(not provider.issuer.startswith("https://") for provider in settings.oidc_providers):
        yield "SHOP_OIDC_PROVIDERS has an issuer that is not encrypted: it must begin with https://."


def _of_tests(settings: "Settings") -> Iterator[str]:
    for name in ("push_allow_private", "webhooks_allow_private"):
        if getattr(settings, name):
            yield f"SHOP_{name.upper()} is for tests: it lets requests into the private network."
