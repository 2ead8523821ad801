"""The keys of the sandbox provider, and the ID tokens that it signs with them."""

import json
import time
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

LIFETIME = 300  # seconds


class Keys:
    """One signing key, which is published, and replaced on demand."""

    def __init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        """Replaces the key. Tokens of the earlier one can no longer be verified."""
        self.key: RSAPrivateKey = generate_private_key(65537, 2048)
        self.kid = uuid4().hex

    def published(self) -> dict[str, Any]:
        """The JWK set (RFC 7517)."""
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def sign(self, claims: dict[str, Any], habit: str | None, seconds: float) -> str:
        """An ID token. `habit`: one of HABITS in server.py, what is wrong with it; `seconds`: of a clock."""
        now = int(time.time() + (seconds if habit == "clock" else 0))
        made = {**claims, "iat": now, "exp": now + LIFETIME} | WRONG.get(habit or "", {})
        if habit == "expired":
            made["exp"] = now - 120
        if habit == "no_expiry":
            del made["exp"]
        headers = {"kid": "unknown" if habit == "unknown_key" else self.kid}
        if habit == "alg_none":
            return jwt.encode(made, "", algorithm="none", headers=headers)
        if habit == "hs256":  # with the public key as the secret, which a careless client accepts
            return _sign_by_hand(made, headers, self.key)
        key = generate_private_key(65537, 2048) if habit == "forged" else self.key
        return jwt.encode(made, key, algorithm="RS256", headers=headers)


WRONG: dict[str, dict[str, Any]] = {
    "wrong_issuer": {"iss": "https://evil.example"},
    "wrong_audience": {"aud": "somebody-else"},
    "many_audiences": {"aud": ["shop", "somebody-else"], "azp": "somebody-else"},
    "wrong_nonce": {"nonce": "that of another sign-in"},
    "no_subject": {"sub": ""},
}


def _sign_by_hand(claims: dict[str, Any], headers: dict[str, str], key: RSAPrivateKey) -> str:
    """HS256 with the public key in PEM. PyJWT refuses to make it."""
    import hmac
    from base64 import urlsafe_b64encode

    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = ({**headers, "alg": "HS256", "typ": "JWT"}, claims)
    signed = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    mac = hmac.digest(public, signed, "sha256")
    return (signed + b"." + urlsafe_b64encode(mac).rstrip(b"=")).decode()
