"""A gRPC server in this process, on the tests' database."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.shopping import order, product

if TYPE_CHECKING:
    from tests.rpc.calls import Channel

__all__ = ["order", "product"]


@pytest.fixture(scope="session")
def server(seeds: Any) -> Iterator[str]:
    """The address of a server in this process."""
    from rpc.server import Server
    from serving import run_waiter
    from settings import settings

    running = Server("127.0.0.1", 0)
    running.start()
    yield f"127.0.0.1:{running.port}"
    running.stop(0)
    run_waiter.use_threads(settings.api_threads)


@pytest.fixture
def channel(server: str, database: None) -> Iterator["Channel"]:
    """A channel to it."""
    import grpc

    from tests.rpc.calls import Channel

    with grpc.insecure_channel(server) as opened:
        yield Channel(opened)


@pytest.fixture
def api_key(client: Any, sign_in: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """The metadata of a new API key with these permissions."""

    def make(*permissions: str) -> dict[str, str]:
        admin = sign_in(f"admin{len(permissions)}", "admin")
        made = admin.post("/v1/api-keys", json={"name": "x", "permissions": list(permissions)})
        assert made.status_code == 201, json.dumps(made.json)
        return {"x-api-key": made.json["key"]}

    return make
