"""What a worker does after a step: the next one at once, in place, or else the way through the broker.

A broker hop is the dearest thing in a run. While a worker has a run in hand and consumes the next step's
queue itself, it performs that step without a message. Elsewhere, and for a run that was long in hand, the
Celery canvas carries on. Either way the step rows decide, so the guarantees are the same.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from typing import Any

from celery.exceptions import Reject
from sqlalchemy.exc import OperationalError

from models import runs
from models.database import is_away, single_statements, transaction
from settings import settings
from tasks.app import app
from tasks.step import Step
from workflows.engine import WORKFLOWS, Call, Workflow, after, plan, progress_of
from workflows.monitoring import step_events
from workflows.performing import Performer
from workflows.publishing import publish

log = logging.getLogger(__name__)

FEW = 4  # steps side by side; more of them are worth a message each, for other workers to share
AWAY = 1.0  # seconds before another try, when the database is away
_noted: dict[str, float] = {}  # queue → when this process last said how far it has been served
_taken: Counter[str] = Counter()  # queue → messages that this process has taken and not yet said so


def carry_on(task: Step, run_id: str, generation: int, name: str) -> None:
    """Performs the step that a message asks for, and what may follow it in this worker.

    Raises Reject when the database is away: the message goes back to its queue and is taken up again like one
    whose worker has died. Its run's lease may have many seconds to go. A lock that was not had in time, or a
    deadlock, is left to the dispatcher, whose pauses grow.
    """
    hand = Hand(task, run_id, generation)
    try:
        _note_served(task)
        hand.carry_on(Call(task, name))
    except OperationalError as error:
        log.warning("run %s waits: %s", run_id, str(error.orig).splitlines()[0])
        if not is_away(error):
            return
        time.sleep(AWAY)  # there is nothing else that this process could do
        raise Reject(error, requeue=True) from error


class Hand:
    """One message in a worker's hand, and the run that it belongs to."""

    def __init__(self, task: Step, run_id: str, generation: int) -> None:
        self.request, self.run_id = task.request, run_id
        self.until = time.monotonic() + settings.continue_for
        self.is_member = self.request.chord is not None
        self.events = step_events(self.request.hostname)
        again = bool((self.request.delivery_info or {}).get("redelivered"))
        self.performer = Performer(run_id, generation, worker=self.request.hostname, again=again, note=self._note)
        self.came_with: Call | None = None

    def carry_on(self, call: Call) -> None:
        """Performs the step of the message and what it may of the chain behind it; the rest goes its way."""
        links, self.request.chain = self.request.chain or [], None
        asked = self.performer.generation
        if self.performer.again and not self._take_back():
            return
        if self.performer.generation != asked:  # it was refused before its worker died
            self._do(self._plan())
            return
        self.came_with = call
        linked = [Call(app.tasks[link["task"]], link["args"][2]) for link in reversed(links)]
        calls = [call, *takewhile(lambda following: self._may_do([following]), linked)]
        is_last = len(calls) > len(links) and not self.is_member
        behind = partial(self._mine_behind, call=calls[-1]) if is_last else None
        done = self.performer.perform(calls, self.until, behind)
        if self.performer.stopped:
            return
        if self.performer.generation != asked:
            self._do(self._plan())
        elif done <= len(links):
            self.request.chain = links[: len(links) - done + 1]  # Celery publishes the next one
        elif is_last:
            left = after(WORKFLOWS[self.performer.workflow], calls[-1].name) if done == len(calls) else None
            self._do(self._plan() if left is None else left)

    def _mine_behind(self, workflow: Workflow, call: Call) -> list[Call]:
        """What this worker may do behind the last step of a chain, as far as the workflow's file alone tells."""
        stages = after(workflow, call.name) or []
        return [following for stage in takewhile(self._may_do, stages) for following in stage]

    def _take_back(self) -> bool:
        """Whether there is something to go on with in a message whose worker has died."""
        with transaction() as session:
            generation = runs.take_back(session, self.run_id, self.performer.generation)
        if generation is not None:
            self.performer.generation = generation
        return generation is not None

    def _do(self, stages: list[list[Call]]) -> None:
        """Performs these stages, as far as this worker may; the rest is published."""
        while stages:
            mine = list(takewhile(self._may_do, stages))
            if not mine:
                publish(self.run_id, self.performer.generation, stages)
                return
            asked, calls = self.performer.generation, [call for stage in mine for call in stage]
            done = self.performer.perform(calls, self.until)
            if self.performer.stopped:
                return
            if self.performer.generation != asked or done < len(calls):
                stages = self._plan()
            else:
                stages = stages[len(mine) :] or self._plan()  # there may be steps to unfold

    def _note(self, call: Call, generation: int, since: float, done: bool) -> None:
        if self.events is not None and call is not self.came_with:  # of which Celery tells
            self.events.note(call, self.run_id, generation, since, done=done)

    def _may_do(self, stage: Sequence[Call]) -> bool:
        queues = app.amqp.queues.consume_from
        if len(stage) > FEW:
            return False
        return time.monotonic() < self.until and all(call.step.service in queues for call in stage)

    def _plan(self) -> list[list[Call]]:
        with transaction() as session:
            run = runs.lock(session, self.run_id, self.performer.generation)
            return left_of(session, run) if run else []


def left_of(session: Any, run: runs.Run) -> list[list[Call]]:
    """What is left of a locked run. A refused run with nothing to undo and nobody to tell ends here."""
    steps = runs.steps_of(session, [run.id])[run.id]
    left = plan(WORKFLOWS[run.workflow], progress_of(run, steps))
    if not left and run.status == "compensating":
        runs.end(session, run.id, "cancelled")
    return left


def _note_served(task: Step) -> None:
    """Once a second and queue, notes how far this worker has got, so that a lost message shows, and how many
    messages it has taken, by which the API knows how long a queue is in time."""
    published, queue = task.request.get("published_at"), task.service
    _taken[queue] += 1
    if published is not None and time.monotonic() - _noted.get(queue, -1.0) >= 1.0:
        _noted[queue], taken = time.monotonic(), _taken.pop(queue)
        with single_statements() as connection:
            runs.note_served(connection, queue, datetime.fromtimestamp(published, UTC), taken)


Step.carry_on = staticmethod(carry_on)
