"""A kill of a worker's child or the worker at every step boundary of every workflow and compensation."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import workflows  # noqa: F401  the workflows that there are
from durable.workflow import all_workflows
from tests.faults.drivers import DRIVERS
from tests.faults.kills import Killed, Kills, selected
from tests.faults.points import Point, points, ways
from tests.faults.workers import crew

pytestmark = pytest.mark.timeout(1800)
WHOM = ("child", pytest.param("worker", marks=pytest.mark.long))


def test_every_workflow_has_a_driver_for_every_path() -> None:
    assert {workflow.name: set(ways(workflow)) for workflow in all_workflows()} == {
        name: set(ways) for name, (_, ways) in DRIVERS.items()
    }


@pytest.fixture(scope="module")
def killed(request: pytest.FixtureRequest, new_shop: Any) -> Callable[[str], Killed]:
    """The outcomes of all selected points, computed on first use."""
    return cache(lambda whom: Kills(new_shop, crew, whom, f"{whom} killed").at(selected(request, whom=whom)))


@pytest.mark.parametrize("point", points(), ids=str)
@pytest.mark.parametrize("whom", WHOM)
def test_a_run_killed_at_a_point_still_ends(killed: Callable[[str], Killed], whom: str, point: Point) -> None:
    killed(whom).check(point)


@pytest.mark.parametrize("whom", WHOM)
def test_all_invariants_hold_after_the_kills(killed: Callable[[str], Killed], whom: str) -> None:
    killed(whom).check_invariants()
