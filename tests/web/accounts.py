"""Accounts, as the form that opens one has them, and their sessions."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from models import accounts
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.web.conftest import Browser

ACCOUNT = {
    "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org", "username": "ada", "password": PASSWORD,
    "address.line1": "12 St James's Square", "address.city": "London", "address.country": "GB",
}  # fmt: skip


def is_signed_in(browser: Browser) -> bool:
    """Whether pages greet a customer."""
    return 'href="/account"' in browser.get("/basket").text


def age_sessions() -> None:
    """Makes every sign-in older than ten minutes."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    with transaction() as session:
        session.execute(update(accounts.LoginSession).values(created_at=long_ago, authenticated_at=None))
