"""Turns the declared list of a workflow's steps into what is left of it, and that into a Celery canvas."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import Any

from celery import Signature, chain, chord

from models import runs
from tasks.step import OutsideStep, Step

Outputs = Mapping[str, dict[str, Any] | None]


@dataclass(frozen=True)
class Place:
    """Where in its workflow a step stands: the parallel steps it joins, how the run ends after it, and whether
    its refusal turns the run back."""

    header: tuple[str, ...] = ()
    ends: str | None = None
    revocable: bool = False


@dataclass(frozen=True)
class Undoable:
    """A step, and what undoes it when a later one is refused."""

    step: Step
    undo: Step


@dataclass(frozen=True)
class Pivot:
    """The step of no return: once it is done, the run only goes forward, however long that takes."""

    step: Step


@dataclass(frozen=True)
class Parallel:
    """Steps that need not wait for each other. The step after them waits for all."""

    steps: tuple[Step, ...]

    def __init__(self, *steps: Step) -> None:
        object.__setattr__(self, "steps", steps)


@dataclass(frozen=True)
class Each:
    """One step many times over: once for each item that `over` finds in the outputs of the steps before."""

    step: Step
    over: Callable[[Outputs], list[str]]


Stage = Step | Undoable | Pivot | Parallel | Each


@dataclass(frozen=True)
class Workflow:
    """A list of stages. `if_refused` follows the undos of a refused run and tells the world how it ended."""

    name: str
    stages: tuple[Stage, ...]
    if_refused: tuple[Step, ...] = ()

    def __init__(self, name: str, *stages: Stage, if_refused: tuple[Step, ...] = ()) -> None:
        for before, stage in pairwise(stages):
            if isinstance(before, Parallel | Each) and isinstance(stage, Parallel | Each):
                raise TypeError(f"{name}: between two parallel stages there must be a step that joins the first")
        names = [step.name for stage in stages for step in _steps(stage)] + [step.name for step in if_refused]
        if len(names) != len(set(names)):
            raise TypeError(f"{name}: a step can stand in a workflow only once, for its row is known by its name")
        if not stages or isinstance(stages[-1], Parallel | Each):
            raise TypeError(f"{name}: the last stage must be a single step: it ends the run")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "stages", stages)
        object.__setattr__(self, "if_refused", if_refused)
        WORKFLOWS[name] = self


WORKFLOWS: dict[str, Workflow] = {}


@dataclass(frozen=True)
class Call:
    """One step of one run, to be performed."""

    step: Step
    name: str
    place: Place = field(default=Place())


@dataclass(frozen=True)
class Progress:
    """What the database knows of a run's steps."""

    status: str
    steps: Mapping[str, str]  # name → intent, done or refused
    outputs: Outputs


def progress_of(run: runs.Run, steps: Sequence[runs.Step]) -> Progress:
    return _progress(run.status, {step.name: step for step in steps})


def progress_in(held: runs.Held) -> Progress:
    """As `progress_of`, with what is noted in this transaction."""
    return _progress(held.status, held.steps)


def _progress(status: str, steps: Mapping[str, runs.Step | runs.Known]) -> Progress:
    return Progress(
        status,
        {name: step.status for name, step in steps.items()},
        {name: step.output for name, step in steps.items() if step.status == "done"},
    )


FRESH = Progress("running", {}, {})


def plan(workflow: Workflow, progress: Progress) -> list[list[Call]]:
    """What is left of a run: stages in order, each the calls that may go on side by side. Pure.

    Of these, what was begun before comes last: if it is a call outside that does not get through, the others
    need not wait for it.
    """
    if progress.status == "compensating":
        undoable = [stage.step for stage in workflow.stages if isinstance(stage, Undoable)]
        stages = _undoing(workflow, [f"undo:{step.name}" for step in undoable if _may_have_happened(step, progress)])
    else:
        stages = _forward(workflow, progress)
    left = [[call for call in stage if progress.steps.get(call.name) != "done"] for stage in stages]
    return [sorted(stage, key=lambda call: call.name in progress.steps) for stage in left if stage]


def counted(workflow: Workflow, progress: Progress) -> tuple[int, int]:
    """How many steps are done, and how many there are: of the way that the run is on now."""
    done = sum(status == "done" for status in progress.steps.values())
    return done, done + sum(len(stage) for stage in plan(workflow, progress))


def revocable(workflow: Workflow, progress: Progress) -> bool:
    """Whether the run may still be turned back: it goes forward, and no pivot is done or, being outside, begun."""
    pivots = [stage.step for stage in workflow.stages if isinstance(stage, Pivot)]
    return progress.status != "compensating" and not any(_may_have_happened(step, progress) for step in pivots)


def _may_have_happened(step: Step, progress: Progress) -> bool:
    """Whether a step has had its effect. An outside call that was begun may have; a local step's work went back
    with its transaction."""
    status = progress.steps.get(step.name)
    return status == "done" or (status == "intent" and isinstance(step, OutsideStep))


def place_of(workflow: Workflow, name: str, progress: Progress) -> Place:
    """Where a step stands in a run that has got so far. Raises KeyError if the workflow has no such step."""
    if not _unfolds(workflow):
        return _places(workflow)[name]
    return {call.name: call.place for call in _calls(workflow, progress)}[name]


def after(workflow: Workflow, name: str) -> list[list[Call]] | None:
    """What comes after a step that is done, and all before it; None if the database has to be asked."""
    if _unfolds(workflow):
        return None
    stages = _forward(workflow, FRESH)
    at = next((at for at, stage in enumerate(stages) if [call.name for call in stage] == [name]), None)
    return None if at is None else stages[at + 1 :]


def _unfolds(workflow: Workflow) -> bool:
    """Whether some of its steps are only known when others are done."""
    return any(isinstance(stage, Each) for stage in workflow.stages)


@cache
def _places(workflow: Workflow) -> dict[str, Place]:
    return {call.name: call.place for call in _calls(workflow, FRESH)}


def _calls(workflow: Workflow, progress: Progress) -> Iterator[Call]:
    """Every call that a run may come to."""
    undoing = [f"undo:{stage.step.name}" for stage in workflow.stages if isinstance(stage, Undoable)]
    for stage in (*_forward(workflow, progress), *_undoing(workflow, undoing)):
        yield from stage


def _steps(stage: Stage) -> tuple[Step, ...]:
    if isinstance(stage, Step):
        return (stage,)
    return stage.steps if isinstance(stage, Parallel) else (stage.step,)


def _forward(workflow: Workflow, progress: Progress) -> list[list[Call]]:
    stages: list[list[Call]] = []
    header: tuple[str, ...] = ()
    revocable = True
    for stage in workflow.stages:
        side_by_side = Place(revocable=revocable)
        if isinstance(stage, Each):
            if not _done(stages, progress):
                return stages  # the items are not known yet; who does the step before plans again
            calls = [
                Call(stage.step, f"{stage.step.name}[{item}]", side_by_side) for item in stage.over(progress.outputs)
            ]
        elif isinstance(stage, Parallel):
            calls = [Call(step, step.name, side_by_side) for step in stage.steps]
        else:
            single = stage if isinstance(stage, Step) else stage.step
            ends = "succeeded" if stage is workflow.stages[-1] else None
            calls = [Call(single, single.name, Place(header, ends, revocable))]
        header = tuple(call.name for call in calls) if isinstance(stage, Each | Parallel) else ()
        stages.append(calls)
        revocable = revocable and not isinstance(stage, Pivot)
    return stages


def _undoing(workflow: Workflow, names: list[str]) -> list[list[Call]]:
    undo = {f"undo:{stage.step.name}": stage.undo for stage in workflow.stages if isinstance(stage, Undoable)}
    calls = [Call(undo[name], name) for name in reversed(names)] + [Call(s, s.name) for s in workflow.if_refused]
    last = len(calls) - 1
    return [[replace(call, place=Place(ends="cancelled")) if at == last else call] for at, call in enumerate(calls)]


def _done(stages: list[list[Call]], progress: Progress) -> bool:
    return all(progress.steps.get(call.name) == "done" for stage in stages for call in stage)


def canvas(run_id: str, generation: int, stages: list[list[Call]]) -> Signature:
    """The next stretch of a run: a chain up to the next parallel stage, or that stage as a chord.

    Chords are built by the worker that reaches them: freezing one in a process with a Redis result backend
    subscribes it to every result, and makes publishing three times slower.
    """
    if len(stages[0]) > 1:
        header = [_signature(run_id, generation, call) for call in stages[0]]
        return chord(header, _signature(run_id, generation, stages[1][0]))
    stretch: list[Signature] = []
    for stage in stages:
        if len(stage) > 1:
            break
        stretch.append(_signature(run_id, generation, stage[0]))
    return chain(*stretch) if len(stretch) > 1 else stretch[0]


def _signature(run_id: str, generation: int, call: Call) -> Signature:
    task_id = f"{run_id}:{generation}:{call.name}"
    return call.step.si(run_id, generation, call.name).set(task_id=task_id, queue=call.step.service)
