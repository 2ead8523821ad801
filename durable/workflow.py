"""Workflow declarations: lists of stages. Importing the module that declares a workflow registers it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from durable.errors import UnknownWorkflow
from durable.steps import Step

Outputs = Mapping[str, Any]
"""Name of a completed step → its output."""


class Undoable:
    """A step, and the step that undoes it if a later one is refused."""

    def __init__(self, step: Step, undo: Step) -> None:
        self.step, self.undo = step, undo


class Pivot:
    """The point of no return: once this step is done, the run is not compensated but retried until it succeeds."""

    def __init__(self, step: Step) -> None:
        self.step = step


class Parallel:
    """Steps that run in parallel. The next stage waits for all of them."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps


class Each:
    """A step that runs once per item. `over(outputs)` derives the items from the outputs of earlier steps."""

    def __init__(self, step: Step, over: Callable[[Outputs], list[str]]) -> None:
        self.step, self.over = step, over


Stage = Step | Undoable | Pivot | Parallel | Each


class Workflow:
    """A list of stages. `if_refused`: steps that inform the users of a run that ends as `cancelled`.

    A run is compensated only if somebody is informed: without `if_refused` it is retried until it succeeds, and an
    operator is notified when it is stuck. `input`: a TypedDict, whose required members `start` requires. `version`: a
    run continues with the version it was started with, as long as that version is declared beside the new one.
    `cancel_past_pivot`: an operator may cancel it past its pivot, too: what is done stays, and `if_refused` closes it.
    `signals`: the signals that its steps consume, each with a TypedDict of its data, or None: for those who send one by
    hand. Raises TypeError for an invalid declaration.
    """

    def __init__(
        self,
        name: str,
        *stages: Stage,
        if_refused: Sequence[Step] = (),
        input: type | None = None,
        version: int = 1,
        cancel_past_pivot: bool = False,
        signals: Mapping[str, type | None] | None = None,
    ) -> None:
        self.name, self.stages, self.if_refused = name, stages, tuple(if_refused)
        self.version, self.cancel_past_pivot, self.signals = version, cancel_past_pivot, dict(signals or {})
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
        """Every step of the workflow, with undo steps and `if_refused`."""
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
            raise TypeError(f"{name}: two parallel stages need a step between them, which joins the first")
    names = [step.name for stage in stages for step in steps_of(stage)] + [s.name for s in workflow.if_refused]
    if len(names) != len(set(names)):
        raise TypeError(f"{name}: a step can occur only once in a workflow, because its name identifies its record")
    if not stages or isinstance(stages[-1], Parallel | Each):
        raise TypeError(f"{name}: the last stage must be a single step, whose output is the run's result")
    if (workflow.undos or workflow.pivots) and not workflow.if_refused:
        raise TypeError(f"{name}: a workflow with undo steps or a pivot needs steps in `if_refused`, to inform users")
    if workflow.cancel_past_pivot and workflow.undos:
        raise TypeError(f"{name}: a workflow with undo steps cannot be cancelled past its pivot")
    if any(step.for_each != isinstance(stage, Each) for stage in stages for step in steps_of(stage)):
        raise TypeError(f"{name}: an Each requires a `step_for_each`, and other stages cannot use one")
    back = (*workflow.if_refused, *(stage.undo for stage in workflow.undos))
    if any(step.long or step.for_each for step in back):
        raise TypeError(f"{name}: undo steps and steps of `if_refused` cannot be long or for each")


_WORKFLOWS: dict[str, dict[int, Workflow]] = {}
_registered: set[str] = set()  # names of the steps registered with Celery


def _register(workflow: Workflow) -> None:
    from durable import config

    _WORKFLOWS.setdefault(workflow.name, {})[workflow.version] = workflow
    if config.is_configured():
        register_tasks()


def register_tasks() -> None:
    """Registers every step of every declared workflow as a Celery task."""
    from durable import config, worker

    app = config.current().app
    for workflow in all_workflows():
        for step in workflow.all_steps():
            if step.name not in _registered:
                _registered.add(step.name)
                worker.register(app, step)


def workflow_of(name: str, version: int | None = None) -> Workflow:
    """Returns the workflow of this version, or the newest if this version is no longer declared.

    Raises UnknownWorkflow, also for a version newer than all declared ones: then this is an old release, and the run
    belongs to workers of the new one.
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
    """Every declared workflow, including old versions."""
    return [workflow for versions in _WORKFLOWS.values() for workflow in versions.values()]


def unregister(name: str) -> None:
    """Removes a workflow from the registry, for tests that declare their own."""
    _WORKFLOWS.pop(name, None)
