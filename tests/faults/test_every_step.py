"""A kill at every step boundary of every workflow, forward and back, of a worker's child and of a whole worker."""

from collections.abc import Iterator

import pytest

import workflows  # noqa: F401  the workflows that there are
from durable.workflow import all_workflows
from tests.faults import checks, stall_times
from tests.faults.drivers import DRIVERS
from tests.faults.points import Point, points, ways
from tests.faults.workers import SHORT, kept_alive
from tests.shop import Shop

EVERY = points()


def test_every_workflow_has_a_driver_for_every_way_that_it_can_go() -> None:
    assert {workflow.name: set(ways(workflow)) for workflow in all_workflows()} == {
        name: set(ways) for name, (_, ways) in DRIVERS.items()
    }


@pytest.fixture(scope="module")
def fleet(shop: Shop) -> Iterator[None]:
    """Three workers of one process each, so that two go on while a third is started again."""
    shop.environment |= SHORT
    workers = [shop.worker(name=name) for name in ("one", "two", "three")]
    shop.dispatcher()
    with kept_alive(*workers):
        yield


@pytest.mark.parametrize("whom", ["child", "worker"])
@pytest.mark.parametrize("point", EVERY, ids=str)
def test_killed_at(shop: Shop, fleet: None, point: Point, whom: str) -> None:
    shop.armed.write_text(f"{point.point}@{point.step} {whom}")
    start, _ = DRIVERS[point.workflow]
    run_id = start(point.refused_at)
    assert checks.ended(run_id) == ("cancelled" if point.refused_at else "succeeded")
    assert checks.struck(shop), f"nobody has come to {point}"
    stall_times.note(f"{whom} killed", str(point), stall_times.of(run_id))
    checks.books_hold(shop, repeated_mails=2 * len(EVERY))
