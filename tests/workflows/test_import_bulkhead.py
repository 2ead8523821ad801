"""Imports that never end delay no checkout: they have workers of their own."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import workflows  # noqa: F401  the workflows that there are
from durable.workflow import all_workflows, workflow_of
from local.processes import worker_groups
from local.waiting import wait_until
from settings import Settings
from tests.conftest import Caller
from tests.faults import checks
from tests.faults.drivers import checkout
from tests.shop import Shop
from tests.workflows.test_catalogue_import import send, sheet, thing

GROUPS = worker_groups(Settings())
SHORT = {"inventory.book_count"}
"""Steps without the run's lock whose batches are short, and may share the workers of checkouts."""


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The worker groups of the default settings."""
    with ExitStack() as exits:
        shop = Shop(tmp_path_factory.mktemp("shop"), exits)
        for name, group in GROUPS.items():
            in_place = ",".join(group.in_place)
            shop.worker(",".join(group.queues), name, group.concurrency, app="tests.workflows.poisoned",
                        SHOP_IN_PLACE=in_place)  # fmt: skip
        shop.dispatcher()
        yield shop
        shop.kill()  # a worker would wait for what never ends


def test_no_step_that_may_take_long_shares_its_workers_with_checkouts() -> None:
    queues = {step.queue for step in workflow_of("checkout").all_steps() if not step.is_external}
    shared = {queue for group in GROUPS.values() if queues & {*group.queues} for queue in group.queues}
    steps = {step for workflow in all_workflows() for step in workflow.all_steps() if step.is_detached}
    assert {step.name for step in steps if step.queue in shared} == SHORT


def test_a_checkout_completes_while_four_imports_never_end(shop: Shop, staff: Caller) -> None:
    imports = [send(staff, sheet(thing(1, sku=f"HANG-{number}"))).json["task_id"] for number in range(4)]
    assert wait_until(lambda: sum(checks.status_of(one, "catalogue.take[1]") == "intent" for one in imports) == 2, 30)
    for _ in range(4):
        assert checks.ended(checkout()) == "succeeded"
    assert [one for one in imports if checks.end_of(one)] == []
