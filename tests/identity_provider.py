"""The sandbox's provider of OpenID Connect, which the shop knows as `example`."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from serving import identity as shared
from setting_groups.sign_in import OidcProvider
from settings import Settings, settings
from tasks.gateways.identity import bounded, oidc
from tests.servers import Server

ADA = {"sub": "ada", "email": "ada@example.org", "verified": "on", "given_name": "Ada", "family_name": "O'Hara, Jr."}
PAGE = f"http://localhost:{settings.api_port}/signed-in"
"""Where the provider returns its user."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server("sandbox.oidc", tmp_path_factory.mktemp("oidc"))
    yield server
    server.stop()


@pytest.fixture
def provider(sandbox: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The provider, which the shop knows as `example`, without faults and with nothing cached."""
    known = OidcProvider(
        name="example", title="Example ID", issuer=sandbox.url, client_id="shop", client_secret=SecretStr("sandbox")
    )
    changed = settings.model_copy(update={"oidc_providers": (known,), "oidc_timeout": 2.0})
    for module in (shared, bounded):
        monkeypatch.setattr(module, "settings", changed)
    monkeypatch.setattr(oidc, "documents", oidc._Documents())
    monkeypatch.setattr(oidc, "REREAD_AFTER", 0)
    oidc.breaker.cache_clear()
    yield sandbox
    requests.delete(f"{sandbox.url}/sandbox/faults", timeout=30)
    oidc.breaker.cache_clear()


def known_settings() -> Settings:
    """The settings that the views use."""
    used: Settings = vars(shared)["settings"]
    return used


def spoil(provider: Server, kind: str, path: str = "/token", seconds: float = 0, times: int = 1) -> None:
    """Gives the provider a fault at a path, of some kind, for some seconds or times."""
    fault: dict[str, str | float] = {"kind": kind, "path": path, "seconds": seconds, "times": times}
    assert requests.post(f"{provider.url}/sandbox/faults", json=fault, timeout=30).status_code == 201


def at_provider(begun: dict[str, Any], user: dict[str, str]) -> dict[str, str]:
    """Signs in at the provider. Returns what it gives to the page."""
    answer = requests.post(begun["url"], data=user, allow_redirects=False, timeout=30)
    assert answer.headers["Location"].startswith(f"{PAGE}?")
    given = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    assert given["state"] == begun["state"]
    return given


def finish(client: Any, given: dict[str, str]) -> Any:
    """Sends the API what the provider has given to the page."""
    body = {"code": given["code"], "state": given["state"]}
    return client.post("/v1/auth/oidc/example/finish", json=body)
