"""What makes a step exactly-once: its row is written in the transaction of its effect.

A local step is one transaction. A step that calls outside is two, with the call between them under an
idempotency key that is the same however often it is repeated.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import Task
from sqlalchemy import Row, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import runs
from models.database import transaction
from models.errors import GatewayDown, ShopError
from settings import settings
from tasks.app import app
from tasks.crash import crash_point

log = logging.getLogger(__name__)

Run = Row[Any]
Work = Callable[[Session, Run], Any]
ItemWork = Callable[[Session, Run, str], Any]


@dataclass(frozen=True)
class Place:
    """Where in its workflow a step stands: the parallel steps it joins, how the run ends after it, and whether
    its refusal turns the run back."""

    header: tuple[str, ...] = ()
    ends: str | None = None
    revocable: bool = False


PlaceOf = Callable[[Session, Any, str], Place]


@dataclass(frozen=True)
class Going:
    """A run that goes on: of which workflow, and under which generation (a new one if the step was refused)."""

    workflow: str
    generation: int


class NotJoined(Exception):
    """A parallel step before this one is not done yet. Whoever does the last of them goes on."""


class Step(Task):
    """A local step: `work(session, run)` in one transaction; what it returns is the step's output."""

    abstract = True
    work: Work
    service: str  # its queue
    carry_on: Callable[["Step", str, int, str], None]  # what goes on from here is the engine's, a layer above

    def run(self, run_id: str, generation: int, name: str) -> None:
        """What Celery calls: performs the step and goes on with the run."""
        Step.carry_on(self, run_id, generation, name)

    def perform(
        self, run_id: str, generation: int, name: str, place_of: PlaceOf, *, worker: str | None, again: bool
    ) -> Going | None:
        """Does the step once, however often it is called, and records it.

        `again`: the message has come back from a worker that died with it, perhaps in this step. Returns None if
        there is nothing more to do just now: the run is over, waits, or is to be tried again.
        """
        log_as = (name, run_id)
        try:
            claim = partial(
                runs.claim, run_id=run_id, generation=generation, name=name,
                queue=self.service, worker=worker, again=again,
            )  # fmt: skip
            going_on = self._perform(claim, generation, name, place_of)
        except NotJoined:
            return None
        except ShopError as refusal:
            log.info("%s of %s refused: %s", *log_as, refusal.detail)
            going_on = self._refused(run_id, generation, name, refusal, place_of)
        except GatewayDown as error:
            log.warning("%s of %s will be tried again: %s", *log_as, error)
            self._failed(run_id, generation, name, error, crashed=False)
            return None
        except OperationalError:
            raise  # the database is away, or would not wait: there is nothing that could be written down
        except Exception as error:
            log.exception("%s of %s failed", *log_as)
            self._failed(run_id, generation, name, error, crashed=True)
            return None
        crash_point("after-commit", name)
        return going_on

    def _perform(self, claim: Callable[..., Any], generation: int, name: str, place_of: PlaceOf) -> Going | None:
        with transaction() as session:
            claimed = claim(session, status="done", lease=settings.lease)
            if claimed is None:
                return None
            if claimed.status == "claimed":
                place = _join(session, claimed.run, name, place_of)
                output = self.do(session, claimed.run, name)
                if isinstance(output, runs.Parked):
                    runs.park(session, claimed.run, name, output.until)
                    return None
                _close(session, claimed.run, name, place, output)
                crash_point("before-commit", name)
                return None if place.ends else Going(claimed.run.workflow, generation)
        return Going(claimed.run.workflow, generation) if claimed.status == "done" else None

    def do(self, session: Session, run: Run, name: str) -> Any:
        """The work under that name, in the caller's transaction."""
        return type(self).work(session, run)

    def _refused(self, run_id: str, generation: int, name: str, refusal: ShopError, place_of: PlaceOf) -> Going | None:
        with transaction() as session:
            run = runs.lock(session, run_id, generation)
            if run is None:
                return None
            if not place_of(session, run, name).revocable:  # a promise to keep: tried again, and a person is told
                runs.retry_later(session, run, name, self.service, refusal, crashed=True)
                return None
            self._record_refusal(session, run, name, refusal)
            crash_point("before-commit", name)
            return Going(run.workflow, run.generation)

    def _record_refusal(self, session: Session, run: runs.Run, name: str, refusal: ShopError) -> None:
        runs.refuse(session, run, name, self.service, refusal)

    def _failed(self, run_id: str, generation: int, name: str, error: Exception, *, crashed: bool) -> None:
        with transaction() as session:
            run = runs.lock(session, run_id, generation)
            if run is not None:
                runs.retry_later(session, run, name, self.service, error, crashed=crashed)


class StepForEach(Step):
    """A local step that stands in an `Each`: `work(session, run, item)`, done once for each item."""

    abstract = True
    work: ItemWork  # type: ignore[assignment]

    def do(self, session: Session, run: Run, name: str) -> Any:
        return type(self).work(session, run, item_of(name))


class OutsideStep(Step):
    """A step that calls outside. `work` says in a first transaction what to ask for (None: nothing to do),
    `call` asks under an idempotency key, and `record` writes down the answer in a second transaction."""

    abstract = True
    ask: Callable[[Any, str], Any]
    record: Callable[[Session, Run, Any], dict[str, Any] | None]
    on_refusal: Callable[[Session, runs.Run, ShopError], None] | None = None

    def _perform(self, claim: Callable[..., Any], generation: int, name: str, place_of: PlaceOf) -> Going | None:
        with transaction() as session:
            claimed = claim(session, status="intent", lease=settings.gateway_timeout + settings.lease)
            if claimed is None or claimed.status not in ("claimed", "done"):
                return None
            if claimed.status == "done":
                return Going(claimed.run.workflow, generation)
            place = _join(session, claimed.run, name, place_of)
            request = type(self).work(session, claimed.run)
            crash_point("before-commit", name)
        run = claimed.run
        answer = None
        if request is not None:
            try:
                answer = type(self).ask(request, key(run, name))
            except ShopError as refusal:
                raise _Answered(refusal) from refusal
        crash_point("after-call", name)
        with transaction() as session:
            if not runs.hold(session, run.id, generation, name):
                return None
            output = type(self).record(session, run, answer) if request is not None else None
            _close(session, run, name, place, output)
        return None if place.ends else Going(run.workflow, generation)

    def _record_refusal(self, session: Session, run: runs.Run, name: str, refusal: ShopError) -> None:
        # Only the outside's own no is final. Refused before or after the call, it may have happened.
        answered = isinstance(refusal, _Answered)
        refusal = refusal.refusal if isinstance(refusal, _Answered) else refusal
        runs.refuse(session, run, name, self.service, refusal, status="refused" if answered else "intent")
        if answered and self.on_refusal is not None:
            type(self).on_refusal(session, run, refusal)  # type: ignore[misc]


class _Answered(ShopError):
    """A refusal that came from outside."""

    def __init__(self, refusal: ShopError) -> None:
        super().__init__(refusal.detail, refusal.code, **refusal.extra)
        self.refusal = refusal


def step(work: Work) -> Step:
    """Makes a local step of `work(session, run)`. Its queue is the file it stands in, its name `queue.function`."""
    return _register(Step, work, {})


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
    attributes: dict[str, Any] = {name: staticmethod(part) for name, part in {**parts, "work": work}.items() if part}
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


def output_of(session: Session, run: Run, name: str) -> dict[str, Any] | None:
    """What an earlier step of the run has written, or None if it is not done."""
    done = select(runs.Step.output).where(
        runs.Step.run_id == run.id, runs.Step.name == name, runs.Step.status == "done"
    )
    return session.scalars(done).one_or_none()


def outputs_of(session: Session, run: Run, name: str) -> dict[str, dict[str, Any]]:
    """Item → what a step that is done for each has written for it, of the items that are done."""
    done = runs.Step.status == "done", runs.Step.name.startswith(f"{name}[", autoescape=True)
    rows = session.execute(select(runs.Step.name, runs.Step.output).where(runs.Step.run_id == run.id, *done))
    return {item_of(part): output or {} for part, output in rows}


def _join(session: Session, run: Run, name: str, place_of: PlaceOf) -> Place:
    place = place_of(session, run, name)
    if place.header and runs.count_done(session, run.id, place.header) < len(place.header):
        raise NotJoined
    return place


def _close(session: Session, run: Run, name: str, place: Place, output: dict[str, Any] | None) -> None:
    runs.finish(session, run.id, name, output, place.ends)
