"""A kill at every step boundary in a shop with a worker for each service, where every step is a message."""

import pytest

import workflows  # noqa: F401  the workflows that there are
from durable import Parallel
from durable.workflow import all_workflows
from tests.faults import checks, stall_times
from tests.faults.drivers import DRIVERS
from tests.faults.points import Point, points
from tests.faults.workers import SHORT, worker_per_service
from tests.shop import Shop

WAYS = (None, "payments.authorise")  # all the way, and back over an undo


def _published() -> list[Point]:
    """Between the step before a parallel stage and the chord that its worker publishes, local steps first."""
    return [
        Point(workflow.name, None, "before-publish", min(stage.steps, key=lambda step: step.is_external).name)
        for workflow in all_workflows()
        for stage in workflow.stages
        if isinstance(stage, Parallel)
    ]


@pytest.fixture(scope="module")
def fleet(shop: Shop) -> None:
    shop.environment |= SHORT
    worker_per_service(shop, SHOP_CONTINUE_FOR="0")
    shop.dispatcher()


@pytest.mark.parametrize("point", [*_published(), *(p for p in points() if p.refused_at in WAYS)], ids=str)
def test_killed_at(shop: Shop, fleet: None, point: Point) -> None:
    shop.armed.write_text(f"{point.point}@{point.step}")
    start, _ = DRIVERS[point.workflow]
    run_id = start(point.refused_at)
    assert checks.ended(run_id) == ("cancelled" if point.refused_at else "succeeded")
    assert checks.struck(shop), f"nobody has come to {point}"
    stall_times.note("child killed, a worker per service", str(point), stall_times.of(run_id))
    checks.books_hold(shop, repeated_mails=2 * len(points()))
