"""What a worker does after a step: the next one at once, in place, or else the way through the broker.

A broker hop is the dearest thing in a run. While a worker has a run in hand and consumes the next step's
queue itself, it performs that step without a message. Elsewhere, and for a run that was long in hand, the
Celery canvas carries on. Either way the step rows decide, so the guarantees are the same.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import runs
from models.database import transaction
from settings import settings
from tasks.app import app
from tasks.step import Going, Place, Step
from workflows.engine import WORKFLOWS, Call, after, place_of, plan, progress_of
from workflows.monitoring import StepEvents
from workflows.publishing import publish

log = logging.getLogger(__name__)

FEW = 4  # steps side by side; more of them are worth a message each, for other workers to share
_noted: dict[str, float] = {}  # queue → when this process last said how far it has been served


def carry_on(task: Step, run_id: str, generation: int, name: str) -> None:
    """Performs the step that a message asks for, and what may follow it in this worker."""
    hand = Hand(task, run_id, generation)
    try:
        _note_served(task)
        hand.carry_on(Call(task, name))
    except OperationalError as error:
        log.warning("run %s is left to the dispatcher: %s", run_id, str(error.orig).splitlines()[0])
    hand.events.send()


class Hand:
    """One message in a worker's hand, and the run that it belongs to."""

    def __init__(self, task: Step, run_id: str, generation: int) -> None:
        self.task, self.run_id, self.generation = task, run_id, generation
        self.request = task.request
        self.since = time.monotonic()
        self.again = bool((self.request.delivery_info or {}).get("redelivered"))
        self.is_member = self.request.chord is not None
        self.done: set[str] = set()
        self.events = StepEvents(self.request.hostname)

    def carry_on(self, call: Call) -> None:
        asked = self.generation
        links, self.request.chain = self.request.chain or [], None
        if self.again and not self._take_back():
            return
        perform, workflow = self._perform, ""
        while self.generation == asked:
            going = perform(call)
            if going is None:
                return
            workflow = going.workflow
            if self.generation != asked or not links:
                break
            following = Call(app.tasks[links[-1]["task"]], links[-1]["args"][2])
            if not self._may_do([following]):
                self.request.chain = links  # Celery publishes the next link
                return
            call, links, perform = following, links[:-1], self._perform_in_place
        if self.generation != asked:
            self._do(self._plan())
        elif not self.is_member:
            following_stages = after(WORKFLOWS[workflow], call.name)
            self._do(self._plan() if following_stages is None else following_stages)

    def _take_back(self) -> bool:
        """Whether there is something to go on with in a message whose worker has died."""
        with transaction() as session:
            generation = runs.take_back(session, self.run_id, self.generation)
        self.generation = self.generation if generation is None else generation
        return generation is not None

    def _do(self, stages: list[list[Call]]) -> None:
        """Performs these stages, as far as this worker may; the rest is published."""
        while stages:
            if not self._may_do(stages[0]):
                publish(self.run_id, self.generation, stages)
                return
            generation = self.generation
            for call in stages[0]:
                if not self._perform_in_place(call):
                    return
            # After a refusal there is another plan, and after the last stage there may be steps to unfold.
            stages = stages[1:] if self.generation == generation else self._plan()
            stages = stages or self._plan()

    def _perform_in_place(self, call: Call) -> Going | None:
        began, generation = time.time(), self.generation
        going = self._perform(call)
        done = call.place.ends is not None or (going is not None and self.generation == generation)
        self.events.note(call, self.run_id, generation, began, done=done)
        return going

    def _perform(self, call: Call) -> Going | None:
        worker = self.request.hostname
        going = call.step.perform(
            self.run_id, self.generation, call.name, self._place_of, worker=worker, again=self.again
        )
        if going is not None:
            self.generation = going.generation
            self.done.add(call.name)  # refused ones too, whose join never comes
        return going

    def _place_of(self, session: Session, run: Any, name: str) -> Place:
        """Where the step stands. What it joins need not be counted if it was all done in this hand."""
        place = place_of(session, run, name)
        return replace(place, header=()) if self.done.issuperset(place.header) else place

    def _may_do(self, stage: Sequence[Call]) -> bool:
        queues = app.amqp.queues.consume_from
        if len(stage) > FEW:
            return False
        return time.monotonic() - self.since < settings.continue_for and all(c.step.service in queues for c in stage)

    def _plan(self) -> list[list[Call]]:
        with transaction() as session:
            run = runs.lock(session, self.run_id, self.generation)
            return left_of(session, run) if run else []


def left_of(session: Any, run: runs.Run) -> list[list[Call]]:
    """What is left of a locked run. A refused run with nothing to undo and nobody to tell ends here."""
    steps = runs.steps_of(session, [run.id])[run.id]
    left = plan(WORKFLOWS[run.workflow], progress_of(run, steps))
    if not left and run.status == "compensating":
        runs.end(session, run.id, "cancelled")
    return left


def _note_served(task: Step) -> None:
    """Once a second and queue, notes how far this worker has got, so that a lost message shows."""
    published, queue = task.request.get("published_at"), task.service
    if published is not None and time.monotonic() - _noted.get(queue, -1.0) >= 1.0:
        _noted[queue] = time.monotonic()
        with transaction() as session:
            runs.note_served(session, queue, datetime.fromtimestamp(published, UTC))


Step.carry_on = staticmethod(carry_on)
