"""The books agree after any requests in any order, and after requests at the same instant."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tests.shop import Shop
from tests.workflows.machine import Machine

PROFILE = settings(
    deadline=None, database=None, derandomize=True, print_blob=True, stateful_step_count=18, max_examples=6,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip
"""Always the same requests, so that a change that fails has caused the failure."""
LONG = settings(
    PROFILE, derandomize=False, stateful_step_count=40, max_examples=60, phases=[Phase.generate, Phase.shrink]
)


@pytest.fixture
def shop(database: None, tmp_path: Path) -> Iterator[Shop]:
    """Both gateways, whose webhooks are lost, a worker and a dispatcher; the ledgers are new, as the database is."""
    with ExitStack() as exits:
        shop = Shop(tmp_path, exits, with_paypal=True)
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture
def machine(shop: Shop, customer: Any, staff: Any) -> type[Machine]:
    return type("ShopMachine", (Machine,), {"shop": shop, "customer": customer, "staff": staff})


@pytest.mark.timeout(300)
def test_the_books_agree_after_any_requests_in_any_order(machine: Callable[[], Machine]) -> None:
    run_machine(machine, settings=PROFILE)  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_books_agree_after_many_more_requests(machine: Callable[[], Machine]) -> None:
    run_machine(machine, settings=LONG)  # type: ignore[arg-type]
