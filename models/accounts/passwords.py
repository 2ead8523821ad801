"""Password hashes (RFC 9106). Deliberately slow: never call these inside a transaction."""

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from settings import settings

# argon2id with 19 MiB and two passes is OWASP's recommendation for servers with many concurrent logins: about 20 ms.
# RFC 9106's recommendation (64 MiB, four lanes) takes 120 ms of a core, and 2 GiB with 32 threads.
PASSES, LANES = 2, 1

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=settings.password_cost, parallelism=LANES)


def hash_password(password: str) -> str:
    """The hash to store, including salt and parameters."""
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password is correct. Takes the same time without a hash (unknown user)."""
    if password_hash is None:
        _hasher.hash(password)
        return False
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False
