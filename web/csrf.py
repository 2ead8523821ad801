"""Forged requests: every form has a token, and no other site may send one.

The token is an HMAC of the browser's cookie and of the session, so a token of another browser, or from before a
sign-in, is refused. What browsers say about where a request comes from is checked too.
"""

import hmac
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Response, current_app, g, request

from models.core.errors import NotAllowed, NotSignedIn
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
    """Raises NotAllowed for a form that was not sent from a page of the shop, and NotSignedIn for one whose session has
    ended since. Runs before every view of a page."""
    if request.method in SAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none") or not _is_ours():
        raise NotAllowed("This form was sent from another site.", code="form_from_elsewhere")
    browser = cookies.read(COOKIE)
    given = request.form.get(FIELD) or ""
    if browser is None or not hmac.compare_digest(_token(browser).encode(), given.encode()):
        if given and _demands_sign_in() and access.find_principal() is None:
            raise NotSignedIn("Your session has ended. Sign in again.")
        raise NotAllowed("This form has expired. Go back, reload the page and send it again.", code="form_expired")


def remember_browser(response: Response) -> Response:
    """Sets the cookie that the tokens of this page need, if it is new."""
    if "new_browser" in g:
        cookies.write(response, COOKIE, g.new_browser)
    return response


def _demands_sign_in() -> bool:
    """Whether the view demands a sign-in."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "rule", "public") != "public"


def _is_ours() -> bool:
    """Browsers send Origin with every form. Behind a proxy that changes Host, the public URL says what is ours."""
    origin = request.headers.get("Origin")
    ours = {request.host, urlsplit(settings.public_url).netloc}
    return origin is None or urlsplit(origin).netloc in ours - {""}


def _token(browser: str) -> str:
    text = f"csrf\0{browser}\0{access.session_id()}"
    return hmac.new(settings.secret_key.encode(), text.encode(), sha256).hexdigest()
