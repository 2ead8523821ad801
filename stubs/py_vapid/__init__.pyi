"""The part of py-vapid that the shop uses. The package itself has no types."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

class Vapid02:
    @classmethod
    def from_raw(cls, private_raw: bytes) -> Vapid02: ...
    @property
    def public_key(self) -> EllipticCurvePublicKey: ...
    def sign(self, claims: Mapping[str, object]) -> dict[str, str]: ...
