"""TLS and mTLS: with real certificates, and what is refused at the start."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from local.waiting import wait_until
from rpc import credentials
from rpc.credentials import InvalidTls
from rpc.probe import is_serving
from settings import Settings
from tests.rpc.calls import Channel
from tests.rpc.pairs import of
from tests.rpc.serving import Authority, serving

TOKEN = of("Authentication.ValidateToken")


def asked(address: str, chosen: grpc.ChannelCredentials | None) -> Any:
    """What a call with these credentials ends with: `active` is false, or the code."""
    opened: Any = grpc.secure_channel(address, chosen) if chosen else grpc.insecure_channel(address)
    with opened as channel:
        try:
            return channel.unary_unary(f"/{TOKEN}")(b"\x0a\x01x", timeout=5)
        except grpc.RpcError as error:
            return error.code()


def test_with_a_certificate_only_tls_is_served(seeds: Any, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    certificate, key = authority.issue("server")
    files: dict[str, Any] = {"SHOP_RPC_TLS_CERTIFICATE": str(certificate), "SHOP_RPC_TLS_KEY": str(key)}
    with serving(tmp_path, **files, SHOP_ENV="development") as running:
        trusted = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        assert asked(running.address, trusted) == b""
        with grpc.secure_channel(running.address, trusted) as channel:
            assert not Channel(channel).call(TOKEN, {"token": "x"}).active
        assert is_serving(running.address, tls=True)
        stranger = grpc.ssl_channel_credentials(other.certificate.read_bytes())
        assert asked(running.address, stranger) == grpc.StatusCode.UNAVAILABLE
        assert asked(running.address, None) == grpc.StatusCode.UNAVAILABLE
    assert wait_until(lambda: not is_serving(running.address, tls=True), 30)


def test_with_a_client_ca_clients_need_a_certificate(seeds: Any, tmp_path: Path) -> None:
    authority, clients = Authority(tmp_path, "ours"), Authority(tmp_path, "clients")
    certificate, key = authority.issue("server")
    files: dict[str, Any] = {
        "SHOP_RPC_TLS_CERTIFICATE": str(certificate), "SHOP_RPC_TLS_KEY": str(key),
        "SHOP_RPC_TLS_CLIENT_CA": str(clients.certificate),
    }  # fmt: skip
    with serving(tmp_path, **files) as running:
        roots = authority.certificate.read_bytes()

        def known_by(issuer: Authority) -> Any:
            mine, my_key = issuer.issue("client")
            return asked(running.address, grpc.ssl_channel_credentials(roots, my_key.read_bytes(), mine.read_bytes()))

        assert known_by(clients) == b""
        assert known_by(authority) == grpc.StatusCode.UNAVAILABLE
        assert asked(running.address, grpc.ssl_channel_credentials(roots)) == grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    certificate, key = Authority(tmp_path, "ours").issue("server")
    return {"rpc_tls_certificate": str(certificate), "rpc_tls_key": str(key)}


def test_valid_files_are_read(files: dict[str, str]) -> None:
    found = credentials.read(Settings(**files))  # type: ignore[arg-type]
    assert found is not None
    assert found.authorities is None
    assert credentials.read(Settings()) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rpc_tls_key": ""}, "are needed together"),
        ({"rpc_tls_certificate": ""}, "are needed together"),
        ({"rpc_tls_certificate": "", "rpc_tls_key": "", "rpc_tls_client_ca": "x"}, "SHOP_RPC_TLS_CLIENT_CA needs"),
        ({"rpc_tls_key": "/nowhere"}, "SHOP_RPC_TLS_KEY: /nowhere: No such file"),
        ({"rpc_tls_certificate": "/nowhere"}, "SHOP_RPC_TLS_CERTIFICATE: /nowhere: No such file"),
        ({"rpc_tls_certificate": "/etc/hostname"}, "are not a pair in PEM"),
        ({"rpc_tls_client_ca": "/nowhere"}, "SHOP_RPC_TLS_CLIENT_CA: /nowhere"),
        ({"rpc_tls_client_ca": "/etc/hostname"}, "has no certificate"),
    ],
)
def test_unusable_files_are_refused(files: dict[str, str], changes: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidTls, match=reason):
        credentials.read(Settings(**{**files, **changes}))  # type: ignore[arg-type]


def test_a_key_of_another_certificate_is_refused(files: dict[str, str], tmp_path: Path) -> None:
    _, key = Authority(tmp_path, "other").issue("other")
    with pytest.raises(InvalidTls, match="are not a pair"):
        credentials.read(Settings(**{**files, "rpc_tls_key": str(key)}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "env", "is_refused"),
    [
        ("127.0.0.1", "production", False),
        ("::1", "production", False),
        ("0.0.0.0", "development", False),  # noqa: S104
        ("0.0.0.0", "production", True),  # noqa: S104
        ("192.0.2.7", "production", True),
    ],
)
def test_plaintext_is_for_loopback_and_development(
    host: str, env: str, is_refused: bool, files: dict[str, str]
) -> None:
    settings = Settings().model_copy(update={"env": env, "rpc_host": host})
    if is_refused:
        with pytest.raises(InvalidTls, match="without TLS on loopback only"):
            credentials.read(settings)
    else:
        assert credentials.read(settings) is None
    assert credentials.read(settings.model_copy(update=files)) is not None
