"""Performs steps of a run, each exactly once, and commits as late as it may.

A step's row is written in the transaction of its effect. A local step is done in one transaction; one that calls
outside in two, with the call between them under an idempotency key that is the same however often it is repeated.
Steps that follow each other in one worker share a transaction, for most of a step's time goes into opening and
closing one. It is committed before a call outside, after a step that every run waits for, and when the last step
is done. If something goes wrong in it, all of it is rolled back and done again with a transaction for each step,
so that an error falls on its own step.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import runs
from models.database import is_away, transaction
from models.errors import GatewayDown, ShopError
from settings import settings
from tasks.crash import crash_point
from tasks.step import OutsideStep, key
from workflows.engine import WORKFLOWS, Call, Workflow, place_of, progress_in, progress_of
from workflows.keeping import keeping

log = logging.getLogger(__name__)

SHARED = 0.5  # seconds after which a transaction takes in no further step: others wait for its locks

Note = Callable[[Call, int, float, bool], None]
"""Is told of each step that was performed: its generation, since when (epoch seconds), and whether it is done."""
Behind = Callable[[Workflow], list[Call]]


@dataclass
class Pending:
    """A call outside: what to ask for and, once that is asked, what was answered."""

    call: Call
    key: str
    request: Any
    began: datetime
    since: float
    answer: Any = None


@dataclass
class Stretch:
    """What one transaction has done."""

    done: list[tuple[Call, float]] = field(default_factory=list)  # and since when, in epoch seconds
    skipped: int = 0  # steps that were done before
    asks: Pending | None = None
    parked: tuple[Call, datetime] | None = None
    ends: str | None = None
    stopped: bool = False  # the next step is not for us to do

    @property
    def is_full(self) -> bool:
        return bool(self.stopped or self.asks or self.parked or self.ends)


class Performer:
    """Performs steps of one run for one message. `again`: the message has come back from a worker that died."""

    def __init__(self, run_id: str, generation: int, *, worker: str | None, again: bool, note: Note) -> None:
        self.run_id, self.generation, self.worker, self.again, self.note = run_id, generation, worker, again, note
        self.workflow = ""  # known with the first step
        self.stopped = False  # the run is over, waits, is in other hands or is to be tried again
        self._one_by_one = again  # so that a step that kills its worker does not take its neighbours with it
        self._pending: Pending | None = None
        self._left: list[Call] = []
        self._behind: Behind | None = None

    def perform(self, calls: Sequence[Call], until: float, behind: Behind | None = None) -> int:
        """Performs these steps in order and returns how many it has come past; after `until` it begins no more.

        `behind` says, once the run's workflow is known, which steps to perform behind them. Fewer than all:
        `stopped`, or the run was turned back (a new `generation`), or the time is up. Raises OperationalError if
        the database is away, or would not wait.
        """
        self._left, self._behind = list(calls), behind
        generation, past = self.generation, 0
        while self._left and not self.stopped and self.generation == generation:
            if past and self._pending is None and time.monotonic() >= until:
                break
            done = self._some()
            self._left, past = self._left[done:], past + done
        return past

    def _some(self) -> int:
        """One transaction, and the call outside that follows it. Returns how many steps it has come past."""
        stretch, since = Stretch(), time.time()
        try:
            with transaction() as session:
                self._transact(session, stretch)
        except OperationalError as error:
            if is_away(error) or not self._may_split(stretch):
                raise  # there is nothing that could be written down
            return 0
        except Exception as error:  # noqa: BLE001, whatever it is, it is written down at its step
            if not self._may_split(stretch):
                self._went_wrong(self._left[stretch.skipped], since, error)
            return 0
        self._pending = None  # what was answered is recorded
        self.stopped = bool(stretch.stopped or stretch.parked or stretch.ends)
        for call, began in stretch.done:
            crash_point("after-commit", call.name)
            self.note(call, self.generation, began, True)
        if stretch.asks is not None:
            self._ask(stretch.asks)
        return len(stretch.done) + stretch.skipped

    def _may_split(self, stretch: Stretch) -> bool:
        """Whether it may have been the fault of another step of the same transaction; the next round tells.

        What the outside has answered is recorded on its own then, and does not wait for others' locks.
        """
        split = bool(stretch.done) and not self._one_by_one
        self._one_by_one = self._one_by_one or split
        return split

    def _transact(self, session: Session, stretch: Stretch) -> None:
        """Performs as many of the steps as one transaction may hold, and writes down what was done."""
        since = time.monotonic()
        held = runs.take(session, self.run_id, self.generation)
        if held is None:
            stretch.stopped = True
            return
        self.workflow = held.workflow
        if self._behind is not None:
            self._left += self._behind(WORKFLOWS[held.workflow])
            self._behind = None
        hot = False  # every run wants a lock that is held here: only the begin of a call, which is a commit, may follow
        for call in self._left:
            if hot and not isinstance(call.step, OutsideStep):
                break
            self._take_in(session, held, call, stretch)
            hot = hot or call.step.commits_at_once
            if stretch.is_full or (self._one_by_one and stretch.done):
                break
            if time.monotonic() - since > SHARED:
                break
        if stretch.ends:
            last = stretch.done[-1][0].name
            runs.write_end(session, held, worker=self.worker, last=last, status=stretch.ends)
        elif held.noted:
            runs.write(session, held, worker=self.worker, lease=settings.lease)
        if stretch.parked:
            call, until = stretch.parked
            runs.park(session, held, call.name, until)

    def _take_in(self, session: Session, held: runs.Held, call: Call, stretch: Stretch) -> None:
        """Performs a step, or the half of it that stands before or behind a call outside, if it is ours to do."""
        since, began = time.time(), held.now()
        place = place_of(WORKFLOWS[held.workflow], call.name, progress_in(held))
        if self._pending is not None and self._pending.call is call:
            known = held.steps.get(call.name)
            if known is None or known.status != "intent":  # somebody else has recorded it: we counted as dead
                stretch.stopped = True
                return
            since, began = self._pending.since, self._pending.began
            output = type(call.step).record(session, held, self._pending.answer)
        elif not held.may_begin(call.name, again=self.again):
            stretch.skipped += held.is_done(call.name)
            stretch.stopped = not held.is_done(call.name)
            return
        elif not all(held.is_done(name) for name in place.header):
            stretch.stopped = True  # whoever does the last of them goes on
            return
        elif isinstance(call.step, OutsideStep):
            request, output = type(call.step).work(session, held), None
            crash_point("before-commit", call.name)
            if request is not None:
                held.begin(call.name, call.step.service, began)
                stretch.asks = Pending(call, key(held, call.name), request, began, since)
                return
            crash_point("after-call", call.name)  # nothing to ask: both halves are one
        else:
            output = call.step.do(session, held, call.name)
            crash_point("before-commit", call.name)
        if isinstance(output, runs.Parked):
            stretch.parked = call, output.until
            return
        session.flush()  # what is wrong with it shows at this step, and the next one sees it
        held.finish(call.name, call.step.service, began, output)
        stretch.done.append((call, since))
        stretch.ends = place.ends

    def _ask(self, pending: Pending) -> None:
        """Calls outside, and keeps the answer for the next transaction."""
        call = pending.call
        try:
            with keeping(self.run_id, self.generation):
                pending.answer = type(call.step).ask(pending.request, pending.key)
        except ShopError as refusal:
            self._refused(call, pending.since, refusal, answered=True)
        except Exception as error:  # noqa: BLE001, as above
            self._went_wrong(call, pending.since, error)
        else:
            self._pending = pending
            crash_point("after-call", call.name)

    def _went_wrong(self, call: Call, since: float, error: Exception) -> None:
        """Writes down, at its step, what was raised. Raises it if that can't be done."""
        self._pending = None
        if isinstance(error, ShopError):
            self._refused(call, since, error, answered=False)
            return
        if isinstance(error, GatewayDown):
            log.warning("%s of %s will be tried again: %s", call.name, self.run_id, error)
        else:
            log.error("%s of %s failed", call.name, self.run_id, exc_info=error)
        with transaction() as session:
            run = runs.lock(session, self.run_id, self.generation)
            if run is not None:
                crashed = not isinstance(error, GatewayDown)
                runs.retry_later(session, run, call.name, call.step.service, error, crashed=crashed)
        self.stopped = True
        self.note(call, self.generation, since, False)

    def _refused(self, call: Call, since: float, refusal: ShopError, *, answered: bool) -> None:
        """Turns the run back, if it still can be. `answered`: the no is the outside's own."""
        log.info("%s of %s refused: %s", call.name, self.run_id, refusal.detail)
        generation = self.generation
        with transaction() as session:
            run = runs.lock(session, self.run_id, generation)
            if run is None or not self._turn(session, run, call, refusal, answered=answered):
                self.stopped = True
            else:
                self.generation = run.generation
            crash_point("before-commit", call.name)
        crash_point("after-commit", call.name)
        self.note(call, generation, since, False)

    def _turn(self, session: Session, run: runs.Run, call: Call, refusal: ShopError, *, answered: bool) -> bool:
        """Turns a locked run back. False where it has promised to go forward: then a person is told."""
        step, progress = call.step, progress_of(run, runs.steps_of(session, [run.id])[run.id])
        if not place_of(WORKFLOWS[run.workflow], call.name, progress).revocable:
            runs.retry_later(session, run, call.name, step.service, refusal, crashed=True)
            return False
        # Only the outside's own no is final. Refused before or after the call, it may have happened.
        status = "intent" if isinstance(step, OutsideStep) and not answered else "refused"
        runs.refuse(session, run, call.name, step.service, refusal, status=status)
        if answered and step.on_refusal is not None:
            type(step).on_refusal(session, run, refusal)
        return True
