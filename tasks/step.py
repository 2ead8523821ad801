"""What a step is: a function that works in a transaction, and, if it calls outside, how it asks and what it records.

What makes a step exactly-once is how it is performed: `workflows/performing.py`.
"""

from collections.abc import Callable
from typing import Any

from celery import Task
from sqlalchemy.orm import Session

from models import runs
from models.errors import ShopError
from tasks.app import app

Run = runs.Held
Work = Callable[[Session, Run], Any]
ItemWork = Callable[[Session, Run, str], Any]


class Step(Task):
    """A local step: `work(session, run)` in a transaction; what it returns is the step's output."""

    abstract = True
    work: Work
    service: str  # its queue
    commits_at_once = False
    carry_on: Callable[["Step", str, int, str], None]  # what goes on from here is the engine's, a layer above

    def run(self, run_id: str, generation: int, name: str) -> None:
        """What Celery calls: performs the step and goes on with the run."""
        Step.carry_on(self, run_id, generation, name)

    def do(self, session: Session, run: Run, name: str) -> Any:
        """The work under that name, in the caller's transaction."""
        return type(self).work(session, run)


class StepForEach(Step):
    """A local step that stands in an `Each`: `work(session, run, item)`, done once for each item.

    There may be thousands of them over the same rows: each is committed by itself, so that locks are short, two
    runs can't hold what the other waits for, and progress shows.
    """

    abstract = True
    commits_at_once = True
    work: ItemWork  # type: ignore[assignment]

    def do(self, session: Session, run: Run, name: str) -> Any:
        return type(self).work(session, run, item_of(name))


class OutsideStep(Step):
    """A step that calls outside. `work` says in a first transaction what to ask for (None: nothing to do),
    `ask` asks under an idempotency key, and `record` writes down the answer in a second transaction."""

    abstract = True
    ask: Callable[[Any, str], Any]
    record: Callable[[Session, Run, Any], dict[str, Any] | None]
    on_refusal: Callable[[Session, runs.Run, ShopError], None] | None = None


def step(work: Work) -> Step:
    """Makes a local step of `work(session, run)`. Its queue is the file it stands in, its name `queue.function`."""
    return _register(Step, work, {})


def step_committed_at_once(work: Work) -> Step:
    """A local step that locks a row which every run needs: its transaction is committed right after it."""
    return _register(Step, work, {"commits_at_once": True})


def step_for_each(work: ItemWork) -> Step:
    """Makes a local step of `work(session, run, item)`, to stand in an `Each`."""
    return _register(StepForEach, work, {})


def outside_step(
    *,
    ask: Callable[[Any, str], Any],
    record: Callable[[Session, Run, Any], dict[str, Any] | None],
    on_refusal: Callable[[Session, runs.Run, ShopError], None] | None = None,
) -> Callable[[Work], Step]:
    """Makes a step that calls outside of a function that says, in a transaction, what to ask for.

    `ask(request, idempotency_key)` calls, outside any transaction; a ShopError from it is the outside's no,
    GatewayDown is tried again with the same key. `record(session, run, answer)` writes the answer down;
    `on_refusal(session, run, refusal)` the no.
    """
    parts = {"ask": ask, "record": record, "on_refusal": on_refusal}
    return lambda work: _register(OutsideStep, work, parts)


def _register(kind: type[Step], work: Work | ItemWork, parts: dict[str, Any]) -> Step:
    service = work.__module__.split(".")[1]
    attributes: dict[str, Any] = {
        name: staticmethod(part) if callable(part) else part for name, part in {**parts, "work": work}.items() if part
    }
    attributes |= {"name": f"{service}.{work.__name__}", "service": service, "abstract": False}
    attributes |= {"__doc__": work.__doc__, "__module__": work.__module__}
    registered: Step = app.register_task(type(work.__name__, (kind,), attributes)())
    return registered


def key(run: Run | runs.Run, name: str) -> str:
    """The idempotency key of a run's step. No generation in it: every repetition asks for the same thing."""
    return f"{run.id}:{name}"


def item_of(name: str) -> str:
    """The item of a step that is done for each: `reports.part[wh_…]` → `wh_…`."""
    return name.partition("[")[2].removesuffix("]")
