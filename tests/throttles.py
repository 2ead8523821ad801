"""Networks from which many sign-ins have failed."""

from datetime import datetime

from sqlalchemy import text

from models import accounts
from models.accounts import Limit
from models.core.database import transaction

SECONDS = 6.0
"""What a failed sign-in adds to the time at which all of a network are forgiven."""


def fail_before(seconds: float, ip: str = "127.0.0.1") -> None:
    """As if so many sign-ins from the network had failed that it takes these seconds until all are forgiven; from 600
    on, the next one is refused."""
    [limit] = accounts.network_limits(ip)
    with transaction() as session:
        accounts.take_attempt(session, [Limit(limit.key, 1, seconds)])


def forgiven_at(ip: str = "127.0.0.1") -> datetime:
    """When all failed sign-ins of the network are forgiven."""
    [limit] = accounts.network_limits(ip)
    known = text("SELECT free_at FROM accounts.login_throttle WHERE key = :key")
    with transaction() as session:
        at: datetime = session.scalars(known, {"key": limit.key}).one()
    return at
