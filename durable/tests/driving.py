"""Helpers that drive the engine: deliver messages, sweep, and read the tables."""

import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any

from celery.app.task import Context
from kombu import Queue
from sqlalchemy import text

import durable
from durable import config, dispatcher, queries, transitions
from durable.backlog import Queues
from durable.database import transaction
from durable.plan import Call, Progress, plan, progress_in
from durable.tables import AttemptRecord, RunRecord, StepRecord
from durable.tests import app as tests
from durable.worker import Invocation
from durable.workflow import workflow_of


def start(workflow: str, input: Mapping[str, Any] | None = None, *, key: str = "it", **options: Any) -> str:
    """Starts a run and publishes it."""
    with transaction() as session:
        return durable.start(session, workflow, key, input or {}, **options)


def start_unpublished(workflow: str, input: Mapping[str, Any] | None = None, *, key: str = "it", **options: Any) -> str:
    """Starts a run without publishing it; the test acts as the worker."""
    with transaction() as session:
        run_id = transitions.start(session, workflow, key, input or {}, **options)
        session.info.clear()
    return run_id


def next_call(run_id: str, name: str | None = None) -> Call:
    """The next step of a run, or the one with this name."""
    run = run_of(run_id)
    stages = plan(workflow_of(run.workflow, run.version), progress_in(run.status, steps_of(run_id).values()))
    return next(call for stage in stages for call in stage if name in (None, call.name))


def request(*, redelivered: bool = False, worker: str = "hand", **values: Any) -> Context:
    """The Celery request of a message."""
    found = {"hostname": worker, "delivery_info": {"redelivered": redelivered}, "chord": None, "chain": None}
    return Context(**{**found, **values})


def perform(run_id: str, name: str | None = None, generation: int | None = None, **values: Any) -> Invocation:
    """Handles a message of the run in this process, as a worker process does."""
    if generation is None:
        generation = run_of(run_id).generation
    invocation = Invocation(request(**values), run_id, generation, next_call(run_id, name))
    invocation.perform()
    return invocation


def run_of(run_id: str) -> RunRecord:
    with transaction() as session:
        return queries.get_run(session, run_id)


def steps_of(run_id: str) -> dict[str, StepRecord]:
    with transaction() as session:
        return {step.name: step for step in queries.steps_of_run(session, run_id)}


def statuses(run_id: str) -> dict[str, str]:
    return {name: step.status for name, step in steps_of(run_id).items()}


def attempts_of(run_id: str) -> list[AttemptRecord]:
    with transaction() as session:
        return list(queries.attempts_of_run(session, run_id))


def execute(statement: str, **values: Any) -> Any:
    """Executes one statement; returns the first column of its first row, if it returns rows."""
    with transaction() as session:
        found: Any = session.execute(text(statement), values)
        return found.scalar() if found.returns_rows else None


def make_due(run_id: str) -> None:
    """Expires the leases of the run and its steps."""
    past = "lease_until = clock_timestamp() - interval '1 second'"
    execute(f"UPDATE workflow.run SET {past} WHERE id = :id", id=durable.ids.uuid_of(run_id))
    execute(f"UPDATE workflow.step SET {past} WHERE run_id = :id AND lease_until IS NOT NULL",
            id=durable.ids.uuid_of(run_id))  # fmt: skip


def sweep() -> int:
    """Runs one sweep of a dispatcher."""
    queues = Queues()
    try:
        return dispatcher.sweep(queues)
    finally:
        queues.close()


def lose_messages() -> int:
    """Purges all queues; returns the number of messages."""
    with tests.app.connection_for_write() as connection:
        return sum(Queue(queue, channel=connection.default_channel).purge() or 0 for queue in tests.QUEUES)


def wait_until(true: Callable[[], Any], seconds: float = 30.0, *, sweeping: bool = False) -> None:
    """Waits until the condition holds, sweeping meanwhile if `sweeping`. Fails the test on a timeout."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it has not come true"
        if sweeping:
            sweep()
        time.sleep(0.05)


def ended(run_id: str) -> RunRecord:
    """Waits for the end of a run, sweeping meanwhile."""
    wait_until(lambda: run_of(run_id).finished_at is not None, sweeping=True)
    return run_of(run_id)


@contextmanager
def configured(**changes: Any) -> Any:
    """Overrides options in this process within a block."""
    before = config.current()
    durable.configure(tests.app, tests.engine, tests.options(**changes))
    try:
        yield
    finally:
        durable.configure(tests.app, before.engine, before.options)


# ---- for tests without a database


def progress(status: str = "running", /, **groups: Any) -> Progress:
    """`progress(done=["a.b"], intent=[…], refused=[…], outputs={"a.b": {…}})`."""
    steps = {name: state for state in ("done", "intent", "refused") for name in groups.get(state, ())}
    return Progress(status, steps, dict.fromkeys(groups.get("done", ())) | groups.get("outputs", {}))


def names(stages: list[list[Call]]) -> list[list[str]]:
    return [[call.name for call in stage] for stage in stages]


def flat(stages: list[list[str]]) -> list[str]:
    return [name for stage in stages for name in stage]
