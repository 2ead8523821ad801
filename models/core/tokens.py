"""Secret tokens: the database keeps their digests only, so that a copy of it signs nobody in."""

import hashlib


def digest(token: str) -> str:
    """SHA-256 of the token. No salt and no slow hash: tokens are random, so there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()
