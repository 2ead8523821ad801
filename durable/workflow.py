"""Declarations: a workflow is a list of stages. Importing the module that declares it registers it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from durable.errors import UnknownWorkflow
from durable.steps import Step

Outputs = Mapping[str, Any]
"""Name of a step that is done → its output."""


class Undoable:
    """A step, and what undoes it when a later one is refused."""

    def __init__(self, step: Step, undo: Step) -> None:
        self.step, self.undo = step, undo


class Pivot:
    """The step of no return: once it is done, the run only goes forward, however long that takes."""

    def __init__(self, step: Step) -> None:
        self.step = step


class Parallel:
    """Steps that need not wait for each other. The step after them waits for all."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps


class Each:
    """One step many times over: once for each item that `over(outputs)` finds in the outputs of the steps before."""

    def __init__(self, step: Step, over: Callable[[Outputs], list[str]]) -> None:
        self.step, self.over = step, over


Stage = Step | Undoable | Pivot | Parallel | Each


class Workflow:
    """A list of stages. `if_refused` are the steps that tell people why a run ends `cancelled`.

    A run is compensated only where somebody is told: without `if_refused` it is retried until it succeeds, and a
    person is told when it is stuck. `input`: a TypedDict, whose required members `start` asks for. `version`: a run
    goes on with the declaration of the version that it was started with, as long as that is declared beside the new
    one. Raises TypeError for a declaration that could not be kept.
    """

    def __init__(
        self,
        name: str,
        *stages: Stage,
        if_refused: Sequence[Step] = (),
        input: type | None = None,
        version: int = 1,
    ) -> None:
        self.name, self.stages, self.if_refused = name, stages, tuple(if_refused)
        self.version = version
        self.required: frozenset[str] = getattr(input, "__required_keys__", frozenset())
        self.pivots = tuple(stage.step for stage in stages if isinstance(stage, Pivot))
        self.undos = tuple(stage for stage in stages if isinstance(stage, Undoable))
        _check(self)
        _register(self)

    @property
    def last(self) -> Step:
        """The step whose output is the run's result."""
        return steps_of(self.stages[-1])[0]

    def all_steps(self) -> list[Step]:
        """Every step that a run may come to, undos too."""
        forward = [step for stage in self.stages for step in steps_of(stage)]
        return [*forward, *(stage.undo for stage in self.undos), *self.if_refused]


def steps_of(stage: Stage) -> tuple[Step, ...]:
    if isinstance(stage, Step):
        return (stage,)
    return stage.steps if isinstance(stage, Parallel) else (stage.step,)


def _check(workflow: Workflow) -> None:
    name, stages = workflow.name, workflow.stages
    for before, stage in pairwise(stages):
        if isinstance(before, Parallel | Each) and isinstance(stage, Parallel | Each):
            raise TypeError(f"{name}: between two parallel stages there must be a step that joins the first")
    names = [step.name for stage in stages for step in steps_of(stage)] + [s.name for s in workflow.if_refused]
    if len(names) != len(set(names)):
        raise TypeError(f"{name}: a step can stand in a workflow only once, for its record is known by its name")
    if not stages or isinstance(stages[-1], Parallel | Each):
        raise TypeError(f"{name}: the last stage must be a single step, whose output is the run's result")
    if (workflow.undos or workflow.pivots) and not workflow.if_refused:
        raise TypeError(f"{name}: nobody would be told that a run was compensated: give it steps `if_refused`")
    if any(step.for_each != isinstance(stage, Each) for stage in stages for step in steps_of(stage)):
        raise TypeError(f"{name}: an Each takes a `step_for_each`, and nothing else does")
    if any(step.is_detached for step in (*workflow.if_refused, *(stage.undo for stage in workflow.undos))):
        raise TypeError(f"{name}: an undo and a step of `if_refused` can't be long")


_WORKFLOWS: dict[str, dict[int, Workflow]] = {}
_registered: set[str] = set()  # names of steps that Celery knows


def _register(workflow: Workflow) -> None:
    from durable import config

    _WORKFLOWS.setdefault(workflow.name, {})[workflow.version] = workflow
    if config.is_configured():
        register_tasks()


def register_tasks() -> None:
    """Makes a Celery task of every step of every workflow that is declared."""
    from durable import config, worker

    app = config.current().app
    for workflow in all_workflows():
        for step in workflow.all_steps():
            if step.name not in _registered:
                _registered.add(step.name)
                worker.register(app, step)


def workflow_of(name: str, version: int | None = None) -> Workflow:
    """The workflow of that version, or the newest where that version is declared no more.

    Raises UnknownWorkflow, also for a version that is newer than all that are declared: this is an old release then,
    and the run is for workers of the new one.
    """
    versions = _WORKFLOWS.get(name)
    if not versions or (version or 0) > max(versions):
        raise UnknownWorkflow(name, version)
    return versions.get(version or 0) or versions[max(versions)]


def is_known(name: str) -> bool:
    """Whether any version of the workflow is declared."""
    return bool(_WORKFLOWS.get(name))


def is_declared(name: str, version: int) -> bool:
    return version in _WORKFLOWS.get(name, {})


def all_workflows() -> list[Workflow]:
    """Every workflow that is declared, old versions too."""
    return [workflow for versions in _WORKFLOWS.values() for workflow in versions.values()]


def forget(name: str) -> None:
    """Takes a workflow out of the register, for tests that declare their own."""
    _WORKFLOWS.pop(name, None)
