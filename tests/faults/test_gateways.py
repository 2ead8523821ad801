"""Gateways that are late, broken or away, before and after they have done what they were asked for."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

import workflows  # noqa: F401  the workflows that there are
from stack.waiting import wait_until
from tests.faults import checks, standstill
from tests.faults.drivers import checkout
from tests.faults.fleets import SHORT
from tests.shop import Shop

LATE = 2 * float(SHORT["SHOP_GATEWAY_TIMEOUT"])  # seconds, well beyond what a worker waits
FAULTS: dict[str, dict[str, Any]] = {
    "late": {"kind": "delay", "seconds": LATE},
    "500": {"kind": "error", "times": 3},
    "cut": {"kind": "cut", "times": 2},
}


@pytest.fixture(scope="module")
def crew(shop: Shop) -> Shop:
    shop.environment |= SHORT
    shop.worker(concurrency=2)
    shop.dispatcher()
    return shop


@pytest.mark.parametrize("fault", FAULTS)
def test_the_payment_gateway_when_it_authorises(crew: Shop, fault: str) -> None:
    _strike(crew, path="/v1/payment_intents", **FAULTS[fault])
    run_id = checkout()
    assert checks.ended(run_id) == "succeeded"
    standstill.note("the gateway is late, says 500 or cuts", f"authorise, {fault}", standstill.of(run_id))
    checks.books_hold(crew)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_payment_gateway_when_it_voids(crew: Shop, fault: str) -> None:
    _strike(crew, path="/v1/payment_intents/", **FAULTS[fault])
    run_id = checkout("orders.confirm")
    assert checks.ended(run_id) == "cancelled"
    standstill.note("the gateway is late, says 500 or cuts", f"void, {fault}", standstill.of(run_id))
    checks.books_hold(crew)


def test_the_payment_gateway_is_killed_and_comes_back(crew: Shop) -> None:
    crew.gateway.kill()
    run_id = checkout()
    assert wait_until(lambda: checks.status_of(run_id, "payments.authorise") == "intent", 20)
    crew.gateway.start()
    back = datetime.now(UTC)
    assert checks.ended(run_id) == "succeeded"
    standstill.note("a gateway killed and started", "payments", standstill.of(run_id, back))
    checks.books_hold(crew)


def test_the_mail_server_is_killed_and_comes_back(crew: Shop) -> None:
    crew.mailbox.kill()
    run_id = checkout()
    assert wait_until(lambda: checks.status_of(run_id, "notifications.order_confirmed") == "intent", 20)
    for other in ("inventory.allocate", "carts.clear"):  # what is beside it does not wait for the mail server
        assert wait_until(lambda other=other: checks.status_of(run_id, other) == "done", 20)
    crew.mailbox.start()
    back = datetime.now(UTC)
    assert checks.ended(run_id) == "succeeded"
    standstill.note("a gateway killed and started", "mail", standstill.of(run_id, back))
    checks.books_hold(crew)


def _strike(shop: Shop, **fault: Any) -> None:
    assert requests.post(f"{shop.gateway.url}/sandbox/faults", json=fault, timeout=5).status_code == 201
