"""Rate limits for password attempts: per account, per IP address, and per account and IP address; and for what sends
messages, per recipient.

Each limit is a token bucket (GCRA: one row with one timestamp). A token is taken before the password is verified, so
that concurrent attempts cannot exceed the limit, and returned if the password was correct.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ARRAY, Float, String, bindparam, text
from sqlalchemy.orm import Session

from models.core import event_log, folding
from models.core.errors import TooManyRequests
from models.core.events import LoginThrottled
from models.core.networks import network_of


@dataclass(frozen=True)
class Limit:
    """Allows a burst of `guesses` attempts per `key`, then one every `seconds`."""

    key: str
    guesses: int
    seconds: float


def login_limits(login: str, user_id: str | None, ip: str | None, familiar: bool) -> list[Limit]:
    """Limits for a login. Attempts at many accounts are throttled by IP address, attempts at one account by account.

    An attacker who exhausts the limit of an account must not lock out its owner: the account limit does not apply at
    IP addresses where the owner is signed in (`familiar`). (Elsewhere, the owner can reset the password, which signs
    in.) Unknown names are counted like known ones, so that they cannot be told apart. `user_id`: whose account `login`
    names, however it is spelled.
    """
    name = _account(login, user_id)
    limits = [] if familiar else [Limit(_key("account", name), 30, 120.0)]
    if network := network_of(ip):
        limits.append(Limit(_key("account at", name, network), 10, 60.0))
    return limits + network_limits(ip)


def network_limits(ip: str | None) -> list[Limit]:
    """Limits for sign-ins that name no account, with a passkey or at a provider. Logins from the network share them."""
    network = network_of(ip)
    return [Limit(_key("address", network), 100, 6.0)] if network else []


def password_limits(user_id: str) -> list[Limit]:
    """Limits for a signed-in user who confirms their password."""
    return [Limit(_key("user", user_id), 10, 60.0)]


def reset_limits(login: str, user_id: str | None, email: str, ip: str | None) -> list[Limit]:
    """Limits for password reset mails: three an hour per account, and those of `mail_limits`. `email`: of the account,
    or the `login` that names none, so that unknown ones are counted like known ones."""
    limits = [Limit(_key("reset", _account(login, user_id)), 3, 1200.0), *mail_limits(email)]
    if network := network_of(ip):
        limits.append(Limit(_key("resets from", network), 30, 60.0))
    return limits


def mail_limits(email: str) -> list[Limit]:
    """Limits for mails that anybody can have sent to an address, to prevent flooding a mailbox: five, then one in
    twenty minutes. Registrations, confirmations, new addresses and password resets of all accounts share them."""
    return [Limit(_key("mails to", folding.fold(email)), 5, 1200.0)]


def confirmation_limits(user_id: str, email: str) -> list[Limit]:
    """Limits for mails that ask to confirm the address: three an hour, and those of `mail_limits`."""
    return [Limit(_key("confirmations of", user_id), 3, 1200.0), *mail_limits(email)]


def email_limits(user_id: str, email: str) -> list[Limit]:
    """Limits for new e-mail addresses: three an hour per user, and those of `mail_limits`."""
    return [Limit(_key("addresses of", user_id), 3, 1200.0), *mail_limits(email)]


def code_limits(user_id: str, number: str, ip: str | None) -> list[Limit]:
    """Limits for codes by text message: three an hour per user and per number, to prevent flooding a phone."""
    limits = [Limit(_key("codes of", user_id), 3, 1200.0), Limit(_key("codes to", number), 3, 1200.0)]
    if network := network_of(ip):
        limits.append(Limit(_key("codes from", network), 30, 60.0))
    return limits


def push_limits(user_id: str) -> list[Limit]:
    """Limits for tests of devices: ten, then one a minute."""
    return [Limit(_key("push tests", user_id), 10, 60.0)]


def second_factor_limits(user_id: str, kind: str) -> list[Limit]:
    """Limits for codes: five, then one in five minutes, because a guess succeeds with a probability of 3 in a million.

    `kind`: codes of the app and recovery codes have limits of their own. Somebody who knows the password and guesses
    codes cannot keep the owner from signing in with a recovery code.
    """
    return [Limit(_key("second factor", kind, user_id), 5, 300.0)]


def export_limits(user_id: str) -> list[Limit]:
    """Limits for exports of a user's personal data: three an hour."""
    return [Limit(_key("exports of", user_id), 3, 1200.0)]


# Both statements lock rows in the same order. The first inserts missing rows.
_LOCK = text("""
    INSERT INTO accounts.login_throttle AS known (key, free_at)
    SELECT key, now() FROM unnest(:keys) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET free_at = greatest(known.free_at, now())
    RETURNING key, CAST(extract(epoch FROM free_at - now()) AS double precision)
""").bindparams(bindparam("keys", type_=ARRAY(String)))
_SHIFT = text("""
    UPDATE accounts.login_throttle SET free_at = free_at + make_interval(secs => moved.by)
    FROM (SELECT key FROM accounts.login_throttle WHERE key = ANY(:keys) ORDER BY key FOR UPDATE) AS locked
    JOIN unnest(:keys, :seconds) AS moved (key, by) USING (key) WHERE login_throttle.key = locked.key
""").bindparams(bindparam("keys", type_=ARRAY(String)), bindparam("seconds", type_=ARRAY(Float)))


def take_attempt(session: Session, limits: Iterable[Limit], event: LoginThrottled | None = None) -> None:
    """Takes a token from each limit, or from none and raises TooManyRequests with the seconds until one is available.

    `event` is emitted when the last token is taken; None emits nothing.
    """
    by_key = {limit.key: limit for limit in limits}
    used: dict[str, float] = dict(session.execute(_LOCK, {"keys": list(by_key)}).all())
    left = {key: limit.guesses - used[key] / limit.seconds for key, limit in by_key.items()}
    wait = max(((1 - left[key]) * limit.seconds for key, limit in by_key.items()), default=0)
    if wait > 0:
        seconds = math.ceil(wait)
        raise TooManyRequests(f"Too many attempts; try again in {seconds} seconds.", retry_after=seconds)
    _shift(session, by_key.values(), 1)
    if event is not None and min(left.values(), default=2) < 2:
        event_log.emit(session, event)


def return_attempt(session: Session, limits: Iterable[Limit]) -> None:
    """Returns the tokens, after a correct password."""
    _shift(session, limits, -1)


def _shift(session: Session, limits: Iterable[Limit], sign: int) -> None:
    moved = [(limit.key, sign * limit.seconds) for limit in limits]
    session.execute(_SHIFT, {"keys": [key for key, _ in moved], "seconds": [by for _, by in moved]})


def _account(login: str, user_id: str | None) -> str:
    """What attempts at an account are counted by: username and address are one account, in any spelling."""
    return user_id or f"name {folding.fold(login)}"


def _key(*words: str) -> str:
    """Hashes the key, because users sometimes type a password into the username field."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
