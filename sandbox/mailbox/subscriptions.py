"""The web push subscriptions of the browsers of the mailbox."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Subscriptions:
    """The subscriptions, a file each. One that has ended is kept, without its keys: its endpoint is gone, not
    unknown."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, server_key: str | None) -> tuple[str, dict[str, str]]:
        """A new subscription: its token, and its public keys. `server_key`: the only one that may send to it."""
        private, auth, token = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16), secrets.token_hex(16)
        kept = {
            "private": hex(private.private_numbers().private_value), "auth": encoded(auth), "server_key": server_key,
        }  # fmt: skip
        (self.folder / f"{token}.json").write_text(json.dumps(kept))
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return token, {"p256dh": encoded(point), "auth": encoded(auth)}

    def find(self, token: str) -> dict[str, Any] | None:
        """The subscription, empty if it has ended; None if there never was one."""
        path = self.folder / f"{token}.json"
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def end(self, token: str) -> None:
        (self.folder / f"{token}.json").write_text("{}")


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """The bytes of base64url, with or without padding. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
