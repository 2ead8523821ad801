"""The client of Stripe's official SDK, and its errors in the shop's words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests
import stripe

from models.core.errors import GatewayDown, PaymentDeclined
from settings import Settings
from tasks.gateways import traced

CONNECT_TIMEOUT = 2.0


class KeySpent(GatewayDown):
    """Stripe repeats a stored 5xx. Under this key it will do nothing more; what it has done, nobody knows."""


def make_client(settings: Settings) -> stripe.StripeClient:
    """A client with short timeouts. Our engine repeats, so the SDK doesn't."""
    session = requests.Session()
    # A proxy that is set up for the outside world must not stand between us and our own sandbox.
    session.trust_env = bool(settings.stripe_api_base)
    traced.add_to(session)
    return stripe.StripeClient(
        settings.stripe_api_key,
        base_addresses={"api": settings.stripe_base},
        http_client=stripe.RequestsClient(timeout=(CONNECT_TIMEOUT, settings.gateway_timeout), session=session),
        max_network_retries=0,
    )


@contextmanager
def calling() -> Iterator[None]:
    """Turns the SDK's errors into ours. What is left (a wrong key, a wrong parameter) is a bug or a setting."""
    try:
        yield
    except stripe.CardError as error:
        body = error.json_body if isinstance(error.json_body, dict) else {}
        decline_code = body.get("error", {}).get("decline_code") or error.code or "card_declined"
        raise PaymentDeclined(decline_code, message(error)) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise GatewayDown(f"The payment gateway does not answer: {message(error)}") from error
    except stripe.APIError as error:
        # 5xx, an answer that is not JSON, and 409: the same key is under way in another request.
        kind = KeySpent if _is_stored(error) else GatewayDown
        raise kind(f"The payment gateway can't answer now ({error.http_status}): {message(error)}") from error


def message(error: stripe.StripeError) -> str:
    """What Stripe says of it, for people."""
    return error.user_message or type(error).__name__


def _is_stored(error: stripe.APIError) -> bool:
    # The first 5xx does not say whether it was stored, or whether the request still waits at another machine of the
    # gateway's. Its repetition does (docs.stripe.com/error-low-level#idempotency).
    return (error.http_status or 0) >= 500 and is_replayed(error.headers)


def is_replayed(headers: Mapping[str, str] | None) -> bool:
    """Whether Stripe repeats an answer that it has stored under the idempotency key."""
    return {name.lower(): value for name, value in (headers or {}).items()}.get("idempotent-replayed") == "true"
