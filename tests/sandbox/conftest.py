"""A sandbox gateway, shared by the tests of a module."""

from collections.abc import Iterator

import pytest
import requests

from tests.sandbox.gateway import gateway_in
from tests.servers import Server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = gateway_in(tmp_path_factory.mktemp("gateway"))
    yield server
    assert server.stop() == 0


@pytest.fixture
def gateway(shared: Server) -> Iterator[Server]:
    yield shared
    requests.delete(shared.url + "/sandbox/faults", timeout=30).raise_for_status()
