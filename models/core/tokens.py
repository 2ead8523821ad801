"""Secret tokens. The database stores only digests, so that a leaked copy cannot be used to sign in."""

import hashlib


def digest(token: str) -> str:
    """SHA-256 of the token. Random tokens need neither a salt nor a slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
