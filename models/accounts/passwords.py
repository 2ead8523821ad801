"""Which passwords are accepted, and their hashes (RFC 9106). Hashing is deliberately slow: never in a transaction."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from models.core.errors import Invalid
from models.core.folding import fold
from settings import settings

SHORTEST = 8
_DIGITS_AND_SIGNS = "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
_LETTERS = str.maketrans("@4310$5!7", "aaeiossit")

# argon2id with 19 MiB and two passes is OWASP's recommendation for servers with many concurrent logins: about 20 ms.
# RFC 9106's recommendation (64 MiB, four lanes) takes 120 ms of a core, and 2 GiB with 32 threads.
PASSES, LANES = 2, 1

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=settings.password_cost, parallelism=LANES)


@cache
def _common() -> frozenset[str]:
    """The 30,000 most common passwords. Of zxcvbn only the list is used: its estimate of hostile 32 characters takes
    0.8 s."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # late: only the API needs it

    return frozenset(FREQUENCY_LISTS["passwords"])


def check_password(field: str, password: str, *names: str) -> None:
    """Raises Invalid (`password_too_common`), with `field`, for a password that is guessed first.

    That is one of the most common ones, also with signs for letters, with digits and signs around it, or repeated; and
    one that has fewer than SHORTEST characters without the owner's `names`: username and e-mail address.
    """
    folded = fold(password)
    left = folded
    own = {fold(part) for name in names for part in (name, name.partition("@")[0])} - {""}
    for name in sorted(own, key=len, reverse=True):
        left = left.replace(name, "")
    if len(left) < SHORTEST or len(_once(left)) < 4 or any(_once(word) in _common() for word in _words(folded)):
        why = "is one of those that are guessed first; choose a longer one, such as four words"
        raise Invalid(f"The password {why}.", code="password_too_common", errors={field: [why]})


def _words(folded: str) -> set[str]:
    """The password, and what it is without the usual decoration."""
    bare = folded.strip(_DIGITS_AND_SIGNS)
    return {word for form in (folded, bare) for word in (form, form.translate(_LETTERS))}


def _once(word: str) -> str:
    """`ab` of `ababab`; a word that repeats nothing as it is."""
    return word[: (word + word).find(word, 1)] if word else word


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
