"""Forged requests: every form has a token, and no other site may send one.

The token is an HMAC of the browser's cookie and of the session, so a token of another browser, or from before a
sign-in, is refused. What browsers say about where a request comes from is checked too.
"""

import hmac
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Response, g, request

from models.core.errors import NotAllowed
from settings import settings
from web import access, cookies

COOKIE = "browser"
FIELD = "csrf_token"
SAFE = ("GET", "HEAD", "OPTIONS")


def token() -> str:
    """The token for the forms of this page."""
    if "browser" not in g:
        g.browser = cookies.read(COOKIE)
    if not g.browser:
        g.browser = g.new_browser = secrets.token_urlsafe(16)
    return _token(g.browser)


def check() -> None:
    """Raises NotAllowed for a form that was not sent from a page of the shop. Runs before every view of a page."""
    if request.method in SAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none") or not _is_ours():
        raise NotAllowed("This form was sent from another site.", code="form_from_elsewhere")
    browser = cookies.read(COOKIE)
    given = request.form.get(FIELD) or ""
    if browser is None or not hmac.compare_digest(_token(browser).encode(), given.encode()):
        raise NotAllowed("This form has expired. Go back, reload the page and send it again.", code="form_expired")


def remember_browser(response: Response) -> Response:
    """Sets the cookie that the tokens of this page need, if it is new."""
    if "new_browser" in g:
        cookies.write(response, COOKIE, g.new_browser)
    return response


def _is_ours() -> bool:
    """Browsers send Origin with every form. Behind a proxy that changes Host, the public URL says what is ours."""
    origin = request.headers.get("Origin")
    ours = {request.host, urlsplit(settings.public_url).netloc}
    return origin is None or urlsplit(origin).netloc in ours - {""}


def _token(browser: str) -> str:
    text = f"csrf\0{browser}\0{access.session_id()}"
    return hmac.new(settings.secret_key.encode(), text.encode(), sha256).hexdigest()
