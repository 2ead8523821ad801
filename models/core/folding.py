"""How names are compared: two spellings that read the same are the same name."""

import unicodedata

# The confusables of Unicode TR39 between two names of letters, digits, dots, hyphens and underscores of ASCII.
_LOOKS_LIKE = str.maketrans({"0": "O", "1": "l", "I": "l", "m": "rn"})


def fold(text: str) -> str:
    """The key under which a username or an e-mail address is stored, found and throttled.

    Compatibility caseless matching (Unicode 3.13, D146): `STRASSE`, `straße` and full-width letters have one key. A
    key is its own key.
    """
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def fold_exactly(text: str) -> str:
    """The key of a name that is as old as the keys, and whose `fold` an older account has: only its exact spelling
    finds it. A name has no line break, so this is no other's `fold`."""
    return f"{fold(text)}\n{text}"


def skeleton(username: str) -> str:
    """What all usernames that look alike have in common (Unicode TR39, section 4): `PAYPAI`, `paypa1` and `paypal`."""
    return fold(username.translate(_LOOKS_LIKE))
