"""A kill of a worker's child at every step boundary of a run that is replayed after it has succeeded."""

from collections.abc import Iterator

import pytest

import durable
import workflows  # noqa: F401  the workflows that there are
from durable import queries
from durable.testing import POINTS
from durable.workflow import steps_of, workflow_of
from local.waiting import wait_until
from models.core.database import transaction
from tests.faults import checks
from tests.faults.drivers import DRIVERS
from tests.faults.points import Point
from tests.faults.workers import crew

pytestmark = pytest.mark.timeout(600)
STARTS = {
    "checkout": "notifications.order_confirmed", "inventory_report": "reports.slice_report",
    "picture_removal": "pictures.remove_files", "welcome": "notifications.welcome",
}  # fmt: skip
"""Workflow → the step from which its run is replayed: a mail, files, and a report, whose steps run in parallel."""


def points() -> Iterator[Point]:
    """All points of the steps that a replay performs again."""
    for name, start in STARTS.items():
        stages = [steps_of(stage) for stage in workflow_of(name).stages]
        first = next(number for number, steps in enumerate(stages) if start in [step.name for step in steps])
        own = next(step for step in stages[first] if step.name == start)
        for step in (own, *(step for steps in stages[first + 1 :] for step in steps)):
            for point in POINTS:
                if point != "before-publish" and (point != "after-call" or step.is_external):
                    yield Point(name, None, point, step.name)


def attempts_of(run_id: str) -> dict[str, int]:
    with transaction() as session:
        return {step.name: step.attempts for step in queries.steps_of_run(session, run_id) if step.status == "done"}


def test_a_replayed_run_killed_at_a_point_still_ends(new_shop: object) -> None:
    assert callable(new_shop)
    with new_shop() as shop:
        crew(shop)
        runs = {point: DRIVERS[point.workflow][0](None) for point in points()}
        before = {point: attempts_of(run_id) for point, run_id in runs.items() if checks.ended(run_id) == "succeeded"}
        assert before.keys() == runs.keys()
        lines = {point: f"{point.point}@{point.step}@{run_id} child" for point, run_id in runs.items()}
        shop.armed.write_text("\n".join(lines.values()))
        for point, run_id in runs.items():
            with transaction() as session:
                durable.replay(session, run_id, STARTS[point.workflow])
        wait_until(lambda: all(checks.end_of(run_id) for run_id in runs.values()), 300, 0.1)
        shop.struck()
        left = shop.armed.read_text() if shop.armed.exists() else ""
        for point, run_id in runs.items():
            seen = f"{point}\n{checks.describe(run_id)}"
            assert checks.end_of(run_id) == "succeeded", seen
            assert lines[point] not in left, f"no process was killed at {seen}"
            after = attempts_of(run_id)
            assert after.keys() == before[point].keys(), seen
            again = {name for name, number in after.items() if number > before[point][name]}
            assert {name.partition("[")[0] for name in again} == {
                one.step for one in points() if one.workflow == point.workflow
            }, seen  # fmt: skip
        checks.check_invariants(shop, repeated_mails=2 * len(runs))
