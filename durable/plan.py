"""`plan`: the remaining steps of a run, from the workflow's declaration and the run's progress. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from durable.run import Run, StepState
from durable.steps import Step
from durable.tables import StepRow
from durable.workflow import Each, Workflow, steps_of


@dataclass(frozen=True)
class Call:
    """A step of a run, with the name of its record."""

    step: Step
    name: str


@dataclass(frozen=True)
class Progress:
    """The progress of a run: its status, and the status of each started step."""

    status: str
    steps: Mapping[str, str]  # name → intent, done or refused
    outputs: Mapping[str, Any]


FRESH = Progress("running", {}, {})


def progress_of(run: Run) -> Progress:
    """The progress of a run in a worker."""
    return _progress(run.status, run.steps)


def progress_in(status: str, steps: Iterable[StepRow]) -> Progress:
    """The progress of a run with this status and these step records."""
    return _progress(status, {step.name: step for step in steps})


class _Outputs(Mapping[str, Any]):
    """The outputs of completed steps, looked up lazily, because few workflows use them."""

    def __init__(self, steps: Mapping[str, StepState | StepRow]) -> None:
        self.steps = steps

    def __getitem__(self, name: str) -> Any:
        if self.steps[name].status != "done":
            raise KeyError(name)
        return self.steps[name].output

    def __iter__(self) -> Iterator[str]:
        return (name for name, step in self.steps.items() if step.status == "done")

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _progress(status: str, steps: Mapping[str, StepState | StepRow]) -> Progress:
    return Progress(status, {name: step.status for name, step in steps.items()}, _Outputs(steps))


def plan(workflow: Workflow, progress: Progress) -> list[list[Call]]:
    """The remaining stages of a run in order, each with the calls that can be performed in parallel.

    Within a stage, local steps come first, so that slow external calls do not delay them, and within each group,
    started steps come last. Empty: the run can end.
    """
    stages = _backward(workflow, progress) if progress.status == "compensating" else _forward(workflow, progress)
    left = [[call for call in stage if progress.steps.get(call.name) != "done"] for stage in stages]
    return [_sorted(stage, progress) for stage in left if stage]


def _sorted(stage: list[Call], progress: Progress) -> list[Call]:
    if len(stage) == 1:
        return stage
    return sorted(stage, key=lambda call: (call.step.is_external, call.name in progress.steps))


def _forward(workflow: Workflow, progress: Progress) -> Sequence[Sequence[Call]]:
    stages = _without_items(workflow)
    if not any(isinstance(stage, Each) for stage in workflow.stages):
        return stages
    found: list[Sequence[Call]] = []
    for stage, known in zip(workflow.stages, stages, strict=True):
        calls: Sequence[Call] = known
        if isinstance(stage, Each):
            if any(progress.steps.get(call.name) != "done" for before in found for call in before):
                return found  # the items are unknown until the previous step is done; its worker plans again
            calls = [Call(stage.step, f"{stage.step.name}[{item}]") for item in stage.over(progress.outputs)]
        found.append(calls)
    return found


@cache
def _without_items(workflow: Workflow) -> tuple[tuple[Call, ...], ...]:
    """The calls of each stage; empty for an `Each`."""
    return tuple(
        () if isinstance(stage, Each) else tuple(Call(step, step.name) for step in steps_of(stage))
        for stage in workflow.stages
    )


def _backward(workflow: Workflow, progress: Progress) -> Sequence[Sequence[Call]]:
    """Local undos in reverse order, then local steps of `if_refused`, then all external ones in parallel.

    External services may be unavailable for hours. Stock must be released and the order closed anyway.
    """
    undos = [
        Call(stage.undo, f"undo:{stage.step.name}")
        for stage in reversed(workflow.undos)
        if may_have_happened(stage.step, progress)
    ]
    calls = [*undos, *(Call(step, step.name) for step in workflow.if_refused)]
    local = [[call] for call in calls if not call.step.is_external]
    return [*local, [call for call in calls if call.step.is_external]]


def may_have_happened(step: Step, progress: Progress) -> bool:
    """Whether a step may have taken effect. A started external call may have; the work of a local step was rolled back
    with its transaction."""
    status = progress.steps.get(step.name)
    return status == "done" or (status == "intent" and step.is_external)


def can_turn_back(workflow: Workflow, progress: Progress, *, refused: str | None = None) -> bool:
    """Whether a run can still be compensated: it is not compensating, and no pivot is done, or started if external.

    `refused`: the name of a step whose call was just refused by the external service, so it has had no effect. The
    run's own progress counts, even after a deploy has added a step before the pivot.
    """
    passed = any(may_have_happened(step, progress) for step in workflow.pivots if step.name != refused)
    return progress.status != "compensating" and not passed


def count_steps(workflow: Workflow, progress: Progress) -> tuple[int, int]:
    """Completed and total steps, in the run's current direction."""
    done = sum(status == "done" for status in progress.steps.values())
    return done, done + sum(len(stage) for stage in plan(workflow, progress))
