"""`shop rpc` as processes on a free port, and certificates for it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.processes import Process


@dataclass(frozen=True)
class Serving:
    """The running processes; `address` as clients take it."""

    process: Process
    address: str

    @property
    def log(self) -> str:
        return self.process.log.read_text()

    def pids(self) -> list[int]:
        """Of the children that serve, in the order in which they said so."""
        return [int(pid) for pid in re.findall(r" (\d+) rpc\.server: this process serves", self.log)]


@contextmanager
def serving(var: Path, *, workers: int = 1, **settings: Any) -> Iterator[Serving]:
    """Serves the tests' database."""
    environment = {**os.environ, "SHOP_RPC_PORT": "0", "SHOP_RPC_WORKERS": str(workers), **settings}
    process = Process("shop", "rpc", environment=environment, log=var / "rpc.log")
    try:
        process.wait_for("this process serves gRPC on port", workers)
        [address] = re.findall(r"gRPC on ([0-9.]+:\d+)", process.log.read_text())
        yield Serving(process, address)
    finally:
        process.stop()


class Authority:
    """A certificate authority. Its files are in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._build(self._subject, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.certificate = self._write(f"{name}.pem", made.sign(self._key, hashes.SHA256()))

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")])
        made = self._build(subject, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self.folder / f"{name}.key"
        file.write_bytes(pem)
        return self._write(f"{name}.crt", made), file

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._subject).public_key(key.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        return builder.not_valid_after(now + timedelta(days=1))

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        file = self.folder / name
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file
