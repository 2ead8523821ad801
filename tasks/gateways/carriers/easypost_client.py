"""The client of EasyPost's official SDK, and its errors in the shop's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

import requests
from easypost import EasyPostClient
from easypost.errors import (
    ApiError,
    BadRequestError,
    GatewayTimeoutError,
    HttpError,
    InternalServerError,
    InvalidRequestError,
    JsonError,
    PaymentError,
    RateLimitError,
    ServiceUnavailableError,
    TimeoutError,
    UnknownApiError,
)

from models.core.errors import CarrierDown, CarrierRefused
from settings import Settings
from tasks.gateways import traced

CONNECT_TIMEOUT = 2.0
NO_ANSWER = (
    TimeoutError, HttpError, JsonError, RateLimitError, InternalServerError, ServiceUnavailableError,
    GatewayTimeoutError, PaymentError,
)  # fmt: skip
"""PaymentError too: the account has no money left, which somebody has to put right."""
REFUSALS = (InvalidRequestError, BadRequestError)


class Clients(local):
    """A client and its HTTP session for each thread: sessions of requests are not made to be shared."""

    def __init__(self, settings: Settings) -> None:
        self.timeout = (CONNECT_TIMEOUT, settings.carrier_timeout)
        self.session = requests.Session()
        # A proxy that is set up for the outside world must not stand between us and our own sandbox.
        self.session.trust_env = bool(settings.carrier_api_base)
        # Our engine repeats, so the session doesn't. The SDK's own would, three times.
        traced.add_to(self.session)
        self.client = EasyPostClient(settings.carrier_api_key, api_base=settings.carrier_base)
        self.client.timeout = self.timeout
        self.client._requests_session = self.session


@contextmanager
def calling() -> Iterator[None]:
    """Turns the SDK's errors into ours. What is left (a wrong key, an unknown id) is a bug or a setting."""
    try:
        yield
    except NO_ANSWER as error:
        raise CarrierDown(f"The carrier can't answer now: {message(error)}") from error
    except UnknownApiError as error:
        if (error.http_status or 0) < 500:
            raise
        raise CarrierDown(f"The carrier can't answer now ({error.http_status}): {message(error)}") from error
    except REFUSALS as error:
        raise CarrierRefused(error.code or "invalid_request", message(error)) from error


def message(error: ApiError) -> str:
    """What the carrier says of it, for people."""
    return error.message or type(error).__name__
