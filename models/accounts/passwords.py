"""Password hashes (RFC 9106). Slow on purpose: never to be called inside a transaction."""

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from settings import settings

# argon2id with 19 MiB and two passes is OWASP's choice for servers that check many passwords at once: about 20 ms.
# RFC 9106's own (64 MiB, four lanes) takes 120 ms of a core, and 2 GiB when 32 threads log somebody in.
PASSES, LANES = 2, 1

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=settings.password_cost, parallelism=LANES)


def hash_password(password: str) -> str:
    """The hash to keep, with its own salt and parameters in it."""
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. Takes the same time where there is no hash, because there is no such user."""
    if password_hash is None:
        _hasher.hash(password)
        return False
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False
