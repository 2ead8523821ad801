"""A sandbox gateway and a sandbox PayPal as processes, and their adapters.

The adapters are imported by the fixtures: if pytest is given this folder, it reads this file before `tests/conftest.py`
has started the servers, and the settings would name others.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests

from tests.servers import Receiver, Server

if TYPE_CHECKING:
    from tasks.gateways.payments.paypal import PayPal
    from tasks.gateways.payments.stripe import Stripe


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # the discard port: webhooks are not accepted
    started = Server("sandbox.gateway", tmp_path_factory.mktemp("gateway"), "--webhook-url", "http://127.0.0.1:9/")
    yield started
    assert started.stop() == 0


@pytest.fixture
def gateway(server: Server) -> Iterator[Server]:
    yield server
    requests.delete(server.url + "/sandbox/faults", timeout=30).raise_for_status()


@pytest.fixture
def provider(gateway: Server) -> "Stripe":
    from tests.tasks.gateways.payments.asking import stripe_at

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
    requests.delete(paypal_server.url + "/sandbox/faults", timeout=30).raise_for_status()


@pytest.fixture(scope="module")
def paypal(paypal_server: Server) -> "PayPal":
    from tests.tasks.gateways.payments.paypal_asking import paypal_at

    return paypal_at(paypal_server.ports["http"])
