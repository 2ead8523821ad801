"""TLS of the server: what the settings ask for, and what is refused."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from settings import Settings


class InvalidTls(Exception):
    """The settings of TLS are not usable. The message is a sentence that names the setting."""


@dataclass(frozen=True)
class Tls:
    """What a server needs for TLS, PEM. With `authorities`, clients have to show a certificate (mTLS)."""

    key: bytes
    chain: bytes
    authorities: bytes | None

    def credentials(self) -> grpc.ServerCredentials:
        """Initialises gRPC, so only after a fork."""
        return grpc.ssl_server_credentials(
            [(self.key, self.chain)], root_certificates=self.authorities,
            require_client_auth=self.authorities is not None,
        )  # fmt: skip


def read(settings: Settings) -> Tls | None:
    """The files that the settings name; None: without TLS.

    Raises InvalidTls if a file is missing, unreadable or not valid, and in production for another address than
    loopback without TLS.
    """
    certificate, key, client_ca = (
        settings.rpc_tls_certificate, settings.rpc_tls_key, settings.rpc_tls_client_ca,
    )  # fmt: skip
    if bool(certificate) != bool(key):
        raise InvalidTls("SHOP_RPC_TLS_CERTIFICATE and SHOP_RPC_TLS_KEY are needed together.")
    if not certificate:
        if client_ca:
            raise InvalidTls("SHOP_RPC_TLS_CLIENT_CA needs SHOP_RPC_TLS_CERTIFICATE and SHOP_RPC_TLS_KEY.")
        _refuse_plaintext(settings)
        return None
    chain, private = _read("SHOP_RPC_TLS_CERTIFICATE", certificate), _read("SHOP_RPC_TLS_KEY", key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise InvalidTls(f"SHOP_RPC_TLS_CERTIFICATE and SHOP_RPC_TLS_KEY are not a pair in PEM: {error}.") from error
    return Tls(private, chain, _authorities(client_ca) if client_ca else None)


def _refuse_plaintext(settings: Settings) -> None:
    if settings.env == "production" and not is_loopback(settings.rpc_host):
        raise InvalidTls(
            f"SHOP_RPC_HOST is {settings.rpc_host}: in production, gRPC listens without TLS on loopback only. "
            "Set SHOP_RPC_TLS_CERTIFICATE and SHOP_RPC_TLS_KEY."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _authorities(path: str) -> bytes:
    pem = _read("SHOP_RPC_TLS_CLIENT_CA", path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise InvalidTls(f"SHOP_RPC_TLS_CLIENT_CA has no certificate in PEM: {error}.") from error
    return pem


def _read(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidTls(f"{setting}: {path}: {error.strerror}.") from error
