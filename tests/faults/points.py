"""Every point at which a step can be killed, read from the declared workflows."""

from collections.abc import Iterator
from dataclasses import dataclass

from durable import Step, Workflow
from durable.plan import Call, Progress, can_turn_back, plan
from durable.testing import POINTS
from durable.workflow import all_workflows, steps_of


@dataclass(frozen=True)
class Point:
    """A point in a step of a workflow; in its compensation if `refused_at` names the refused step."""

    workflow: str
    refused_at: str | None
    point: str
    step: str

    def __str__(self) -> str:
        way = f" refused at {self.refused_at}" if self.refused_at else ""
        return f"{self.workflow}{way}: {self.point} of {self.step}"


def points() -> list[Point]:
    """All points of all workflows."""
    return [point for workflow in all_workflows() for way in ways(workflow) for point in _of(workflow, way)]


def ways(workflow: Workflow) -> list[str | None]:
    """The paths of the workflow: success (None), or the refusal of each step that leads to a compensation."""
    return [None, *(name for name in _steps(workflow) if _back(workflow, name))]


def _of(workflow: Workflow, refused_at: str | None) -> Iterator[Point]:
    if refused_at is None:
        walked = list(_steps(workflow).items())
    else:
        for point in ("before-commit", "after-commit"):  # points of the refusal itself
            yield Point(workflow.name, refused_at, point, refused_at)
        walked = [(call.name, call.step) for stage in _back(workflow, refused_at) for call in stage]
    for name, step in walked:
        for point in POINTS:
            if point != "before-publish" and (point != "after-call" or step.is_external):
                yield Point(workflow.name, refused_at, point, name)


def _back(workflow: Workflow, refused_at: str) -> list[list[Call]]:
    """The compensation after the refusal of this step; empty past the pivot."""
    names = list(_steps(workflow))
    done = dict.fromkeys(names[: names.index(refused_at)], "done")
    if not workflow.if_refused or not can_turn_back(workflow, Progress("running", done, {})):
        return []
    return plan(workflow, Progress("compensating", {**done, refused_at: "refused"}, {}))


def _steps(workflow: Workflow) -> dict[str, Step]:
    """The forward steps in order. The items of an `Each` share a name."""
    return {step.name: step for stage in workflow.stages for step in steps_of(stage)}
