"""An authenticator of passkeys in software (WebAuthn Level 3, section 6), which can also misbehave."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, HAS_CREDENTIAL = 0x01, 0x04, 0x40


@dataclass
class SoftwareAuthenticator:
    """It keeps one passkey. `verified`: whether it has verified its owner. `rp_id`: other than the page asks for."""

    origin: str = "http://localhost:8000"
    rp_id: str | None = None
    verified: bool = True
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: str = ""
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """`navigator.credentials.create`, as JSON."""
        self.user_handle = options["user"]["id"]
        made = {"fmt": "none", "attStmt": {}, "authData": self._data(options["rp"]["id"]) + self._credential()}
        client = self._client_data("webauthn.create", options["challenge"])
        return self._answer({"clientDataJSON": encoded(client), "attestationObject": encoded(cbor2.dumps(made))})

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """`navigator.credentials.get`, as JSON. Each use counts."""
        self.count += 1
        data = self._data(options["rpId"], 0)
        client = self._client_data("webauthn.get", options["challenge"])
        signature = self.key.sign(data + sha256(client).digest(), ECDSA(SHA256()))
        return self._answer({
            "clientDataJSON": encoded(client), "authenticatorData": encoded(data), "signature": encoded(signature),
            "userHandle": self.user_handle,
        })  # fmt: skip

    def _answer(self, response: dict[str, str]) -> dict[str, Any]:
        name = encoded(self.credential_id)
        about = {"authenticatorAttachment": "platform", "clientExtensionResults": {}}
        return {"id": name, "rawId": name, "type": "public-key", "response": response, **about}

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, rp_id: str, more_flags: int = HAS_CREDENTIAL) -> bytes:
        flags = PRESENT | (VERIFIED if self.verified else 0) | more_flags
        return sha256((self.rp_id or rp_id).encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _credential(self) -> bytes:
        point = self.key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        length = len(self.credential_id).to_bytes(2, "big")
        return bytes(16) + length + self.credential_id + cbor2.dumps(key)


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
