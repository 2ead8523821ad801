"""A sandbox gateway and a sandbox PayPal as processes, and their adapters."""

from collections.abc import Iterator

import pytest
import requests

from tasks.gateways.payments.paypal import PayPal
from tasks.gateways.payments.stripe import Stripe
from tests.servers import Receiver, Server
from tests.tasks.gateways.payments.asking import stripe_at
from tests.tasks.gateways.payments.paypal_asking import paypal_at


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


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.close()


@pytest.fixture(scope="module")
def paypal_server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    started = Server("sandbox.paypal", tmp_path_factory.mktemp("paypal"), "--webhook-url", receiver.url)
    yield started
    assert started.stop() == 0


@pytest.fixture
def sandbox(paypal_server: Server) -> Iterator[Server]:
    yield paypal_server
    requests.delete(paypal_server.url + "/sandbox/faults", timeout=5).raise_for_status()


@pytest.fixture(scope="module")
def paypal(paypal_server: Server) -> PayPal:
    return paypal_at(paypal_server.ports["http"])
