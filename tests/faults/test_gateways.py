"""Gateways that respond late, fail or are unavailable, before or after executing the request."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import requests

import durable
from durable import queries
from local.waiting import wait_until
from models.core.database import transaction
from tests.faults import checks, stall_times
from tests.faults.drivers import checkout
from tests.faults.workers import SHORT
from tests.shop import Shop

LATE = 2 * float(SHORT["SHOP_GATEWAY_TIMEOUT"])  # seconds, well beyond what a worker waits
FAULTS: dict[str, dict[str, Any]] = {
    "late": {"kind": "delay", "seconds": LATE},
    "503": {"kind": "unavailable", "times": 3},
    "500 stored, nothing done": {"kind": "error"},
    "500 stored twice, nothing done": {"kind": "error", "times": 2},
    "500 stored, done": {"kind": "error_after"},
    "cut": {"kind": "cut", "times": 2},
}


@pytest.fixture(scope="module")
def crew(shop: Shop) -> Shop:
    shop.environment |= SHORT
    shop.worker(concurrency=2)
    shop.dispatcher()
    return shop


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gateway_fault_during_an_authorisation(crew: Shop, fault: str) -> None:
    _strike(crew, path="/v1/payment_intents", **FAULTS[fault])
    run_id = checkout()
    assert checks.ended(run_id) == "succeeded"
    stall_times.note("the gateway is late, says 500 or cuts", f"authorise, {fault}", checks.stall_of(run_id))
    checks.check_invariants(crew)
    assert _holds(crew, run_id) == ["requires_capture"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gateway_fault_during_a_void(crew: Shop, fault: str) -> None:
    _strike(crew, path="/v1/payment_intents/", **FAULTS[fault])
    run_id = checkout("orders.confirm")
    assert checks.ended(run_id) == "cancelled"
    stall_times.note("the gateway is late, says 500 or cuts", f"void, {fault}", checks.stall_of(run_id))
    checks.check_invariants(crew)
    assert _holds(crew, run_id) == ["canceled"]


@pytest.mark.parametrize("fault", ["500 stored, nothing done", "500 stored, done"])
def test_an_order_cancelled_behind_a_stored_500_leaves_no_authorisation(crew: Shop, fault: str) -> None:
    """Only the undo settles the request; the step never receives a response."""
    _strike(crew, path="/v1/payment_intents", **FAULTS[fault])
    run_id = checkout()
    assert wait_until(lambda: checks.status_of(run_id, "payments.authorise") == "intent", 20, 0.005)
    with transaction() as session:
        durable.cancel(session, run_id)
    assert checks.ended(run_id) == "cancelled"
    checks.check_invariants(crew)
    assert _holds(crew, run_id) in ([], ["canceled"])


@pytest.mark.parametrize("method", ["pm_sandbox_requiresAction", "pm_sandbox_processing"])
def test_an_undecided_payment_is_declined_and_cancelled(crew: Shop, method: str) -> None:
    _strike(crew, path="/v1/payment_intents/", kind="unavailable")
    run_id = checkout(method=method)
    assert checks.ended(run_id) == "cancelled"
    checks.check_invariants(crew)
    assert [made["status"] for made in _made(crew, run_id)] == ["canceled"]


def test_a_checkout_survives_a_restart_of_the_payment_gateway(crew: Shop) -> None:
    crew.gateway.kill()
    run_id = checkout()
    assert wait_until(lambda: checks.status_of(run_id, "payments.authorise") == "intent", 20)
    crew.gateway.start()
    back = datetime.now(UTC)
    assert checks.ended(run_id) == "succeeded"
    stall_times.note("a gateway killed and started", "payments", checks.stall_of(run_id, back))
    checks.check_invariants(crew)


def test_a_checkout_survives_a_restart_of_the_mail_server(crew: Shop) -> None:
    crew.mailbox.kill()
    run_id = checkout()
    assert wait_until(lambda: checks.status_of(run_id, "notifications.order_confirmed") == "intent", 20)
    for other in ("inventory.allocate", "carts.remove_ordered"):  # its siblings do not wait for the mail server
        assert wait_until(partial(_is_done, run_id, other), 20)
    crew.mailbox.start()
    back = datetime.now(UTC)
    assert checks.ended(run_id) == "succeeded"
    stall_times.note("a gateway killed and started", "mail", checks.stall_of(run_id, back))
    checks.check_invariants(crew)


def _is_done(run_id: str, step: str) -> bool:
    return checks.status_of(run_id, step) == "done"


def _made(shop: Shop, run_id: str) -> list[dict[str, Any]]:
    with transaction() as session:
        order_id = queries.get_run(session, run_id).input["order_id"]
    return [made for made in shop.ledger() if made["metadata"]["order_id"] == order_id]


def _holds(shop: Shop, run_id: str) -> list[str]:
    """The statuses of all authorised payments of the run's order."""
    return [
        made["status"]
        for made in _made(shop, run_id)
        if ("authorise", "succeeded") in [(done["kind"], done["status"]) for done in made["operations"]]
    ]


def _strike(shop: Shop, **fault: Any) -> None:
    assert requests.post(f"{shop.gateway.url}/sandbox/faults", json=fault, timeout=30).status_code == 201
