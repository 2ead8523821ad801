"""Cookies: names with the prefix `__Host-`, HttpOnly, SameSite=Lax, Secure.

Browsers accept the prefix only with Secure, and Secure only over TLS. On plain http, which production refuses
(SHOP_PUBLIC_URL must begin with https://), the names have no prefix and the cookies are not Secure.
"""

from flask import Response, request

from settings import settings

YEAR = 365 * 24 * 3600  # seconds


def is_secure() -> bool:
    """Whether the browser talks TLS, to the shop or to the proxy in front of it."""
    return settings.public_url.startswith("https://") or settings.env == "production" or request.is_secure


def read(name: str) -> str | None:
    """The value of a cookie; None if there is none."""
    return request.cookies.get(_full(name))


def write(response: Response, name: str, value: str, seconds: int | None = None) -> None:
    """Sets a cookie; without `seconds`, until the browser ends."""
    response.set_cookie(
        _full(name), value, max_age=seconds, secure=is_secure(), httponly=True, samesite="Lax", path="/"
    )


def delete(response: Response, name: str) -> None:
    """Deletes a cookie."""
    response.delete_cookie(_full(name), secure=is_secure(), httponly=True, samesite="Lax", path="/")


def _full(name: str) -> str:
    return f"__Host-{name}" if is_secure() else name
