"""The trace of a call goes on at the service that is called (W3C Trace Context)."""

from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter

from durable import context


class Traced(HTTPAdapter):
    """Adds the header `traceparent` to the requests of a session. It does not repeat them."""

    def add_headers(self, request: PreparedRequest, **_: Any) -> None:
        if (trace := context.trace.get()) is not None:
            request.headers["traceparent"] = trace


def add_to(session: Any) -> None:
    """Mounts it for all addresses."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, Traced(max_retries=0))
