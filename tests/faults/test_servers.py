"""Redis, PostgreSQL and the API are killed and restarted in a busy shop."""

import signal
from datetime import UTC, datetime

import pytest

from local.waiting import wait_until
from tests.command import processes
from tests.faults.full_stack import Customer, Stack, busy, note

pytestmark = pytest.mark.long

FAULTS = {
    "Redis killed and started": ("redis", signal.SIGKILL),
    "PostgreSQL shut down at once and started": ("postgres", signal.SIGQUIT),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.timeout(300)
def test_orders_survive_a_restart_of_a_server_under_load(stack: Stack, fault: str) -> None:
    name, number = FAULTS[fault]
    customers = [Customer(stack, f"{name}{n}") for n in range(3)]
    restarts = processes(stack.var)[name]["restarts"]
    with busy(customers):
        assert wait_until(lambda: all(len(customer.tasks) > 2 for customer in customers), 30)
        stack.kill(name, number)
        assert stack.back(name, restarts + 1)
        over = datetime.now(UTC)
        before = [len(customer.tasks) for customer in customers]
        assert wait_until(lambda: all(len(c.tasks) > n + 2 for c, n in zip(customers, before, strict=True)), 60)
    note(fault, customers, over)
    stack.check(customers)
    assert not [log for log in (stack.var / "log").glob("worker-*.log") if "raised unexpected" in log.read_text()]


@pytest.mark.parametrize("whom", ["child", "worker"])
def test_an_order_survives_an_api_killed_before_it_publishes(stack: Stack, whom: str) -> None:
    customer = Customer(stack, f"cut-off-{whom}")
    stack.armed.write_text(f"before-publish@inventory.reserve {whom}")
    task_id = customer.place()  # repeated with the same key, because the first request has no response
    assert not stack.armed.exists()
    task = customer.follow(task_id)
    assert task["status"] == "succeeded"
    assert len(list(customer.client.list("/v1/orders"))) == 1
    note("the API killed before it publishes", [customer], datetime.fromisoformat(task["created_at"]))
    stack.check([customer])
