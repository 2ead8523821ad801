"""How often passwords may be guessed: per account, per address, and per account at one address.

Each limit is a bucket of guesses that fills up again with time (GCRA: one row, one time). A guess is taken before the
password is looked at, so that many at once are not more than one after another, and given back if it was right.
"""

import hashlib
import ipaddress
import math
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ARRAY, Float, String, bindparam, text
from sqlalchemy.orm import Session

from models.core import event_log
from models.core.errors import TooManyRequests
from models.core.events import LoginThrottled


@dataclass(frozen=True)
class Limit:
    """`guesses` at once, and then one every `seconds`, for what `key` stands for."""

    key: str
    guesses: int
    seconds: float


def login_limits(login: str, ip: str | None, familiar: bool) -> list[Limit]:
    """Whoever tries many accounts is held up by his address; whoever tries many passwords, by the account.

    Somebody who wastes the guesses of an account from all over the world must not lock out its owner: where the owner
    is signed in already (`familiar`), the limit of the whole account does not hold. (Elsewhere there is the reset by
    mail, which signs in.) The name counts as it was typed, known or not, so that nobody learns which it is.
    """
    name = login.strip().lower()
    limits = [] if familiar else [Limit(_key("account", name), 30, 120.0)]
    if network := _network(ip):
        limits += [Limit(_key("address", network), 100, 6.0), Limit(_key("account at", name, network), 10, 60.0)]
    return limits


def password_limits(user_id: str) -> list[Limit]:
    """For who is signed in and says the password again."""
    return [Limit(_key("user", user_id), 10, 60.0)]


def reset_limits(login: str, ip: str | None) -> list[Limit]:
    """For who asks for a mail: three an hour are enough, and nobody's mailbox is filled."""
    limits = [Limit(_key("reset", login.strip().lower()), 3, 1200.0)]
    if network := _network(ip):
        limits.append(Limit(_key("resets from", network), 30, 60.0))
    return limits


# Both lock the rows in one order. The first makes those that are missing.
_LOCK = text("""
    INSERT INTO accounts.login_throttle AS known (key, free_at)
    SELECT key, now() FROM unnest(:keys) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET free_at = greatest(known.free_at, now())
    RETURNING key, CAST(extract(epoch FROM free_at - now()) AS double precision)
""").bindparams(bindparam("keys", type_=ARRAY(String)))
_MOVE = text("""
    UPDATE accounts.login_throttle SET free_at = free_at + make_interval(secs => moved.by)
    FROM (SELECT key FROM accounts.login_throttle WHERE key = ANY(:keys) ORDER BY key FOR UPDATE) AS locked
    JOIN unnest(:keys, :seconds) AS moved (key, by) USING (key) WHERE login_throttle.key = locked.key
""").bindparams(bindparam("keys", type_=ARRAY(String)), bindparam("seconds", type_=ARRAY(Float)))


def take(session: Session, limits: Iterable[Limit], told: LoginThrottled | None = None) -> None:
    """Takes one guess from each limit, or none and raises TooManyRequests with the seconds until there is one.

    `told`: the event that whoever takes the last one leaves; None leaves none.
    """
    by_key = {limit.key: limit for limit in limits}
    used: dict[str, float] = dict(session.execute(_LOCK, {"keys": list(by_key)}).all())
    left = {key: limit.guesses - used[key] / limit.seconds for key, limit in by_key.items()}
    wait = max((1 - left[key]) * limit.seconds for key, limit in by_key.items())
    if wait > 0:
        seconds = math.ceil(wait)
        raise TooManyRequests(f"Too many tries; wait {seconds} seconds.", retry_after=seconds)
    _move(session, by_key.values(), 1)
    if told is not None and min(left.values()) < 2:
        event_log.emit(session, told)


def give_back(session: Session, limits: Iterable[Limit]) -> None:
    """Gives back what `take` has taken, after a password that was right."""
    _move(session, limits, -1)


def _move(session: Session, limits: Iterable[Limit], sign: int) -> None:
    moved = [(limit.key, sign * limit.seconds) for limit in limits]
    session.execute(_MOVE, {"keys": [key for key, _ in moved], "seconds": [by for _, by in moved]})


def _network(ip: str | None) -> str | None:
    """The address; of IPv6 the /64, for that is what one customer of a provider has."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def _key(*words: str) -> str:
    """No name is kept in clear: what is typed into the field of the user name is a password now and then."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
