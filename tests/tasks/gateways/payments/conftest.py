"""A sandbox gateway as a process, and Stripe's adapter for it."""

from collections.abc import Iterator

import pytest
import requests

from tasks.gateways.payments.stripe import Stripe
from tests.servers import Server
from tests.tasks.gateways.payments.asking import stripe_at


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # the discard port: webhooks are not accepted
    started = Server("sandbox.gateway", tmp_path_factory.mktemp("gateway"), "--webhook-url", "http://127.0.0.1:9/")
    yield started
    assert started.stop() == 0


@pytest.fixture
def gateway(server: Server) -> Iterator[Server]:
    yield server
    requests.delete(server.url + "/sandbox/faults", timeout=5).raise_for_status()


@pytest.fixture
def provider(gateway: Server) -> Stripe:
    return stripe_at(gateway.ports["http"])
