"""Keys derived from the shop's secret key, and values that are stored encrypted with them."""

import os
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from settings import settings

NONCE = 12  # bytes, as NIST SP 800-38D recommends


@lru_cache(maxsize=32)
def derive_key(purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (HKDF, RFC 5869). What one key has made is of no use with another."""
    return HKDF(SHA256(), 32, salt=None, info=f"shopflow {purpose}".encode()).derive(settings.secret_key.encode())


def encrypt(plain: bytes, purpose: str, about: str) -> bytes:
    """Encrypts a value (AES-256-GCM) that only `decrypt` with the same purpose and `about` can read.

    `about`: what the value belongs to, such as the id of a user. A value that was copied to another row is refused.
    """
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(derive_key(purpose)).encrypt(nonce, plain, about.encode())


def decrypt(stored: bytes, purpose: str, about: str) -> bytes:
    """The value that was encrypted. Raises InvalidTag if it was made with another secret key, or changed."""
    return AESGCM(derive_key(purpose)).decrypt(stored[:NONCE], stored[NONCE:], about.encode())
