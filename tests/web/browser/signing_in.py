"""Signing in, as customers and staff do it in a browser."""

from tests.conftest import PASSWORD
from tests.web.browser.conftest import Visitor

ROLES = ("staff", "warehouse", "finance", "admin")
"""Whoever has these roles sees every page of the desk."""


def sign_in_as(visitor: Visitor, username: str, button: str = "Sign in") -> None:
    """Fills in the form of the page, which asks for it."""
    visitor.fill({"username": username, "password": PASSWORD})
    visitor.page.locator("main").get_by_role("button", name=button, exact=True).click()
    visitor.page.wait_for_load_state()


def enter(visitor: Visitor, username: str = "boss") -> Visitor:
    """Opens the page to sign in, and does."""
    visitor.page.goto(f"{visitor.url}/sign-in")
    sign_in_as(visitor, username)
    return visitor
