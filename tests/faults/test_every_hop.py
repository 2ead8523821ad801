"""A kill at every step boundary, with a worker per service and a message per step."""

from typing import Any

import pytest

import workflows  # noqa: F401  the workflows that there are
from durable import Parallel
from durable.workflow import all_workflows
from tests.faults.kills import Killed, Kills, selected
from tests.faults.points import Point, points
from tests.faults.workers import AT_ONCE, worker_per_service
from tests.shop import Shop

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
WAYS = (None, "payments.authorise")  # success, and a compensation with an undo


def _published() -> list[Point]:
    """The points between a step before a parallel stage and the publication of its chord."""
    return [
        Point(workflow.name, None, "before-publish", min(stage.steps, key=lambda step: step.is_external).name)
        for workflow in all_workflows()
        for stage in workflow.stages
        if isinstance(stage, Parallel)
    ]


def crew(shop: Shop) -> None:
    shop.environment |= AT_ONCE
    worker_per_service(shop, SHOP_CONTINUE_FOR="0")
    shop.dispatcher()


@pytest.fixture(scope="module")
def killed(request: pytest.FixtureRequest, new_shop: Any) -> Killed:
    """The outcomes of all selected points."""
    return Kills(new_shop, crew, "child", "child killed, a worker per service").at(selected(request))


@pytest.mark.parametrize("point", [*_published(), *(p for p in points() if p.refused_at in WAYS)], ids=str)
def test_a_run_killed_at_a_point_still_ends(killed: Killed, point: Point) -> None:
    killed.check(point)


def test_all_invariants_hold_after_the_kills(killed: Killed) -> None:
    killed.check_invariants()
