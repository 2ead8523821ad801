"""Which requests a sandbox answers: it listens on this machine, where any website in a browser can reach it, too."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler, _HandlerDelegate

SAFE = ("GET", "HEAD", "OPTIONS")
BODIES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream")


ASKED_FOR = ("Authorization", "Content-Encoding", "TTL")
"""Headers that a browser sends to another site only with its permission, for example of push messages."""


class GuardedApplication(Application):
    """Refuses requests that a website in a browser makes on its own.

    403 for a Host that can be a domain in the DNS, which its owner could point at this machine (DNS rebinding), and for
    a change that another site asks for (CSRF). 415 for a body that any
    site may send: text, or of no type.
    """

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> _HandlerDelegate:
        if refusal := _refusal(request):
            return self.get_handler_delegate(request, Refused, dict(zip(("status", "reason"), refusal, strict=True)))
        return super().find_handler(request, **kwargs)


class Refused(RequestHandler):
    def initialize(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason

    def prepare(self) -> None:
        self.set_status(self.status)
        self.finish({"error": {"message": self.reason}})


def _refusal(request: HTTPServerRequest) -> tuple[int, str] | None:
    """Status and reason; None for a request that is answered."""
    if not _is_local(urlsplit(f"//{request.host}").hostname or ""):
        return 403, "The Host must be an address or a name without a dot."
    if request.method in SAFE:
        return None
    if not _is_same_site(request):
        return 403, "Another site must not change anything here."
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    has_body = request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers
    if has_body and kind not in BODIES and not any(name in request.headers for name in ASKED_FOR):
        return 415, "The body must be JSON or a form."
    return None


def _is_local(name: str) -> bool:
    """Whether the name cannot be one in the public DNS: an address, localhost, or a container's name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name.removesuffix(".localhost")
    return True


def _is_same_site(request: HTTPServerRequest) -> bool:
    """Whether the request comes from a page of this server, or not from a browser."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
