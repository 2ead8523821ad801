"""HTTP with providers of identities: every answer is bounded in time and in size."""

import time
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError, Timeout

from settings import settings

MAX_BYTES = 256 * 1024  # the documents of large providers have some 10 kB
CHUNK = 16 * 1024


class BoundedAdapter(HTTPAdapter):
    """Reads an answer within SHOP_OIDC_TIMEOUT, however slowly it comes. Follows no redirects."""

    def send(self, request: PreparedRequest, *_: Any, **options: Any) -> Response:
        """Raises RequestException."""
        until = time.monotonic() + settings.oidc_timeout
        response = super().send(request, **{**options, "stream": True, "timeout": settings.oidc_timeout})
        if response.is_redirect:
            response.close()
            raise ConnectionError(f"{request.url} redirects")
        body = b""
        while part := response.raw.read1(CHUNK, decode_content=True):
            body += part
            if len(body) > MAX_BYTES or time.monotonic() > until:
                response.close()
                raise Timeout(f"{request.url} answers too much or too slowly")
        response.close()
        vars(response).update(_content=body, _content_consumed=True)
        return response


def bound(session: Session) -> None:
    """Bounds all requests of a session."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter())
