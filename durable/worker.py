"""The processing of one message in a worker, from its arrival to its acknowledgement.

Each transaction locks the run, plans the next steps, performs as many steps as it may, and writes their records at its
end. It commits before an external call, after a step that locks a row every run needs, and when the run ends, is
suspended or continues elsewhere. If it fails, it is rolled back as a whole and repeated with one transaction per step,
so that the error is recorded at the step that caused it.
"""

import logging
import time
from functools import partial
from typing import Any

from celery import Celery
from celery.exceptions import Reject
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from durable import (
    breaker,
    config,
    context,
    detached,
    failures,
    lease,
    next_step,
    publishing,
    slots,
    store,
    task_events,
    traces,
    transitions,
)
from durable.batch import Batch
from durable.begun import Begun, begin, is_ours
from durable.database import is_unavailable, transaction
from durable.errors import Superseded, UnknownWorkflow
from durable.plan import Call, plan, progress_of
from durable.queue_progress import record_served
from durable.run import Run, Suspend, idempotency_key
from durable.steps import Step
from durable.testing import crash_point
from durable.workflow import workflow_of

log = logging.getLogger(__name__)

SHARED = 0.5  # seconds after which a transaction adds no further step, because others wait for its locks
SLOW = 0.1  # seconds; after a step this slow its siblings are published, so that other workers perform them in parallel
UNAVAILABLE_PAUSE = 1.0  # seconds before the next try if the database is unavailable


def register(app: Celery, step: Step) -> None:
    """Registers the step as a Celery task with the step's name."""

    def perform(task: Any, run_id: str, generation: int, name: str) -> None:
        _perform(task.request, step, run_id, generation, name)

    perform.__doc__ = step.work.__doc__
    app.task(name=step.name, bind=True, shared=False)(perform)


def _perform(request: Any, step: Step, run_id: str, generation: int, name: str) -> None:
    """Raises Reject if the database is unavailable: the message returns to its queue.

    Lock timeouts and deadlocks are left to the dispatcher, whose delays increase, as are runs whose workflow this
    process does not know.
    """
    try:
        with context.working_on(run_id, name):
            record_served(request, step.queue)
            Invocation(request, run_id, generation, Call(step, name)).perform()
    except UnknownWorkflow as error:
        log.error("run %s is left to other workers: %s", run_id, error)
    except OperationalError as error:
        log.warning("run %s has to wait: %s", run_id, str(error.orig).splitlines()[0])
        if not is_unavailable(error):
            return
        time.sleep(UNAVAILABLE_PAUSE)  # this process could do nothing else
        raise Reject(error, requeue=True) from error


class Invocation:
    """One message, and the run it belongs to."""

    def __init__(self, request: Any, run_id: str, generation: int, call: Call) -> None:
        self.request, self.run_id, self.generation, self.call = request, run_id, generation, call
        self.worker = lease.worker_name(request.hostname)
        self.until = time.monotonic() + config.options().continue_for
        self.redelivered = bool((request.delivery_info or {}).get("redelivered"))
        self.is_member = request.chord is not None  # of a chord, whose body continues the run
        self.one_by_one = self.redelivered  # a step that kills its worker must not affect its neighbours
        self.begun: Begun | None = None
        self.run: Run | None = None  # as last read
        self.worked = self.is_slow = self.over = False
        self.links, request.chain = request.chain or [], None
        self.events = task_events.step_events(request.hostname)

    def perform(self) -> None:
        """Performs the step of the message and, in place, those of the next steps that this worker may perform."""
        if self.redelivered:
            self._adopt()
        if self.call.step.is_detached or (self.is_member and not self.call.step.is_external):
            detached.perform(self)
        try:
            while not self.over:
                self._perform_batch()
        finally:
            slots.release()  # in case the call was not made

    def _adopt(self) -> None:
        """A redelivered message may come from a worker that died after a refusal, before it started to compensate."""
        with transaction() as session:
            run = store.lock(session, self.run_id)
            refused = run is not None and run.status == "compensating" and not run.published
            if run is not None and refused and run.generation == self.generation + 1:
                self.generation, self.worked = run.generation, True

    def _perform_batch(self) -> None:
        """Performs one transaction, and the external call after it."""
        batch, since = Batch(), time.time()
        try:
            with transaction() as session:
                self._transact(session, batch)
        except Superseded as error:
            log.info("left to another worker: %s", error)
            self.over = True
        except OperationalError as error:
            if not self._may_record_later(error) and (is_unavailable(error) or not self._may_split(batch)):
                raise
        except Exception as error:
            if batch.current is None:
                raise
            if not self._may_split(batch):  # any error is recorded at its step
                failures.fail(self, batch.current, since, error)
        else:
            self._after_commit(batch)

    def _transact(self, session: Session, batch: Batch) -> None:
        """Performs as many steps as one transaction may contain, and writes their records."""
        answered = self.begun is not None and self.begun.answered
        run = store.lock(session, self.run_id, None if answered else self.generation)
        if run is None:
            batch.over = True
            return
        self.run = run
        context.request_id.set(run.request_id)
        workflow, since = workflow_of(run.workflow, run.version), time.monotonic()
        self.one_by_one = self.one_by_one or run.publications > 0 or run.attempts > 0
        if answered:
            self._record(session, run, batch)
        while not (batch.over or batch.begun or batch.publish):
            if batch.done and (self.one_by_one or time.monotonic() - since > SHARED):
                break
            stages = plan(workflow, progress_of(run))
            if not stages:
                batch.ended = transitions.finish(session, workflow, run, self.worker)
                batch.over = True
                return
            call = next_step.choose(self, session, run, stages, batch)
            if call is None or (batch.locks_all and not call.step.is_external):
                break
            self._perform_next(session, run, call, batch)
        if run.written:
            store.write(session, run, self.worker)

    def _perform_next(self, session: Session, run: Run, call: Call, batch: Batch) -> None:
        """Performs a local step, or records the start of one that needs its own commit."""
        batch.current, since, started = call, time.time(), run.now()
        context.step.set(call.name)
        context.trace.set(traces.of_step(run, call.name, traces.attempt_of(run, call.name)))
        if call.step.is_external:
            output = self._request(session, run, call)
            if output is not None and not isinstance(output, Suspend):
                batch.begun = begin(session, run, call, output)
                batch.over = batch.begun is None
                return  # otherwise no call is needed, or not yet
            crash_point("after-call", call.name, self.run_id)
        elif self.one_by_one and not (self.begun and self.begun.call == call):
            batch.begun = begin(session, run, call)
            batch.over = batch.begun is None
            return
        else:
            output = call.step.perform(session, run, call.name)
            crash_point("before-commit", call.name, self.run_id)
        if isinstance(output, Suspend):
            self._suspend(session, run, call, output, batch, since)
            return
        session.flush()  # errors show at this step, and the next step sees its changes
        attempt = self.begun.attempt if self.begun and self.begun.call == call else None
        store.finish(run, call, output, started_at=started.isoformat(), attempt=attempt)
        batch.done.append((call, since))
        batch.locks_all = batch.locks_all or call.step.commits_at_once
        self.is_slow = self.is_slow or time.time() - since > SLOW

    def _suspend(self, session: Session, run: Run, call: Call, output: Suspend, batch: Batch, since: float) -> None:
        store.write(session, run, self.worker)
        transitions.suspend(session, run, call.name, output.until)
        run.written, batch.over, batch.suspended = {}, True, (call, since)

    def _request(self, session: Session, run: Run, call: Call) -> object:
        """The request of an external step: the stored one or, on the first attempt, a new one."""
        state = run.steps.get(call.name)
        if state is not None and state.request is not None:
            return state.request
        request = call.step.perform(session, run, call.name)
        session.flush()
        crash_point("before-commit", call.name, self.run_id)
        return request

    def _record(self, session: Session, run: Run, batch: Batch) -> None:
        """Records the response of an external call if this attempt is still ours, in any generation."""
        begun = self.begun
        assert begun is not None
        call, record = begun.call, begun.call.step.record
        assert record is not None
        if not is_ours(run, begun):
            raise Superseded(f"run {run.id}, {call.name}")
        batch.current, self.generation = call, run.generation
        context.trace.set(traces.of_step(run, call.name, begun.attempt))
        output = record(session, run, begun.answer)
        if isinstance(output, Suspend):
            if any(stage.step is call.step for stage in workflow_of(run.workflow, run.version).undos):
                raise TypeError(f"{call.name}: a step with an undo cannot suspend after its call")
            self._suspend(session, run, call, output, batch, begun.since)
            return
        session.flush()
        store.finish(run, call, output, started_at=begun.started_at.isoformat(), attempt=begun.attempt)
        batch.done.append((call, begun.since))

    # ---- after the commit

    def _after_commit(self, batch: Batch) -> None:
        self.begun, self.over = batch.begun, batch.over
        for call, since in batch.done:
            crash_point("after-commit", call.name, self.run_id)
            self.send_events(call, since, done=True)
        batch.report(self.run)
        if batch.publish:
            self._publish(batch.publish)
            self.over = True
        elif self.is_member and batch.done:
            self.over = True  # the chord's body continues the run
        elif self.begun is not None and self.begun.call.step.is_external:
            self._make_call(self.begun)

    def _publish(self, stages: list[list[Call]]) -> None:
        """Leaves the rest to the message's own chain if that contains it; otherwise publishes it."""
        links, wanted = self.links, [self.run_id, self.generation, stages[0][0].name]
        while links and list(links[-1]["args"]) != wanted:
            links.pop()
        if links and len(stages[0]) == 1:
            self.request.chain = links
        else:
            publishing.publish(self.run_id, self.generation, stages)

    def _make_call(self, begun: Begun) -> None:
        """Makes the external call, and keeps the response for the next transaction."""
        call = begun.call
        try:
            if not begun.lease.is_fresh() and not begun.lease.renew():
                self.over = True  # this process was stopped for so long that another worker took over
                return
            assert self.run is not None
            with lease.renewing(begun.lease), config.options().observer.calling(self.run, call, begun.attempt):
                key = idempotency_key(self.run_id, call.name)
                begun.answer = breaker.call(call.step.queue, partial(call.step.make_call, begun.request, key))
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001, as above
            failures.fail(self, call, begun.since, error)
        else:
            begun.answered = True
            crash_point("after-call", call.name, self.run_id)
        finally:
            slots.release()

    def _may_record_later(self, error: OperationalError) -> bool:
        """Whether to retry recording a response: repeating the call instead may send an email twice."""
        begun = self.begun
        if begun is None or not begun.answered or time.time() - begun.since > config.options().record_for:
            return False
        log.warning("%s of %s is recorded later: %s", begun.call.name, self.run_id, str(error.orig).splitlines()[0])
        self.one_by_one = True
        time.sleep(UNAVAILABLE_PAUSE / 2)
        return True

    def _may_split(self, batch: Batch) -> bool:
        """Whether another step of the same transaction may have caused the error; steps then commit one by one."""
        split = len(batch.done) > 0 and not self.one_by_one
        self.one_by_one = self.one_by_one or split
        return split

    def send_events(self, call: Call, since: float, *, done: bool) -> None:
        """Sends task events for a step that was performed in place."""
        if self.events is not None and call != self.call:  # Celery sends those of the message's own step
            self.events.add(call, self.run_id, self.generation, since, done=done)
