"""A hanging external service delays only the steps that call it."""

import signal
from functools import partial
from typing import Any

import pytest
import requests

from local.waiting import wait_until
from tests.command import shop
from tests.faults.full_stack import Customer, Stack

pytestmark = pytest.mark.long

ORDERS = 2  # per customer


@pytest.mark.timeout(300)  # waits for timeouts of the mail server
def test_orders_are_confirmed_and_carts_cleared_while_the_mail_server_hangs(stack: Stack) -> None:
    customers = [Customer(stack, f"unmailed{n}") for n in range(3)]
    for customer in customers:
        assert customer.follow(customer.place())["status"] == "succeeded"
    stack.kill("mailbox", signal.SIGSTOP)
    try:
        tasks = []
        for customer in ORDERS * customers:
            tasks.append((customer, customer.place()))
            assert wait_until(partial(_done, customer), 40)
        for customer, task_id in tasks:
            steps = {step["name"]: step["status"] for step in customer.client.get(f"/v1/tasks/{task_id}")["steps"]}
            assert steps["inventory.allocate"] == steps["carts.remove_ordered"] == "done"
            assert steps.get("notifications.order_confirmed") != "done"
        silent = "does not respond: The mail server"
        assert wait_until(lambda: _readiness(stack)["checks"].get("notifications", "").startswith(silent), 60, 0.5)
        assert _readiness(stack)["status"] == "degraded"
        assert requests.get(stack.address("api") + "/readyz", timeout=10).status_code == 200
        printed = shop(stack.var, "status")
        assert (printed.returncode, "notifications does not respond" in printed.stdout) == (0, True)
    finally:
        stack.kill("mailbox", signal.SIGCONT)
    for customer, task_id in tasks:
        assert customer.client.follow(task_id, 90)["status"] == "succeeded"
    stack.check(customers)
    assert wait_until(lambda: _readiness(stack)["status"] == "ok", 30, 0.5)
    assert "does not respond" not in shop(stack.var, "status").stdout


def _done(customer: Customer) -> bool:
    """Whether all orders of the customer are confirmed and the cart is empty."""
    statuses = {order["status"] for order in customer.client.list("/v1/orders")}
    return statuses == {"confirmed"} and not customer.client.get("/v1/cart")["items"]


def _readiness(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(stack.address("api") + "/readyz", timeout=10).json()
    return found
