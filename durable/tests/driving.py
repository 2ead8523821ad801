"""How these tests drive the engine: messages by hand, sweeps by hand, and a look at what the tables say."""

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
    """Starts a run, whose message goes to the broker."""
    with transaction() as session:
        return durable.start(session, workflow, key, input or {}, **options)


def start_silently(workflow: str, input: Mapping[str, Any] | None = None, *, key: str = "it", **options: Any) -> str:
    """Starts a run without a message: the test is the worker."""
    with transaction() as session:
        run_id = transitions.start(session, workflow, key, input or {}, **options)
        session.info.clear()
    return run_id


def next_call(run_id: str, name: str | None = None) -> Call:
    """The first step that is left of a run, or the one of that name."""
    run = run_of(run_id)
    stages = plan(workflow_of(run.workflow, run.version), progress_in(run.status, steps_of(run_id).values()))
    return next(call for stage in stages for call in stage if name in (None, call.name))


def request(*, redelivered: bool = False, worker: str = "hand", **values: Any) -> Context:
    """What Celery says of a message."""
    found = {"hostname": worker, "delivery_info": {"redelivered": redelivered}, "chord": None, "chain": None}
    return Context(**{**found, **values})


def perform(run_id: str, name: str | None = None, generation: int | None = None, **values: Any) -> Invocation:
    """Performs a message of the run in this process, as one of a worker's does."""
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
    """One statement; the first column of its first row, if there are rows."""
    with transaction() as session:
        found: Any = session.execute(text(statement), values)
        return found.scalar() if found.returns_rows else None


def make_due(run_id: str) -> None:
    """The run's lease is over, and with it those of its steps."""
    past = "lease_until = clock_timestamp() - interval '1 second'"
    execute(f"UPDATE workflow.run SET {past} WHERE id = :id", id=durable.ids.uuid_of(run_id))
    execute(f"UPDATE workflow.step SET {past} WHERE run_id = :id AND lease_until IS NOT NULL",
            id=durable.ids.uuid_of(run_id))  # fmt: skip


def sweep() -> int:
    """One sweep of a dispatcher."""
    queues = Queues()
    try:
        return dispatcher.sweep(queues)
    finally:
        queues.close()


def lose_messages() -> int:
    """Takes all messages out of the queues; returns how many there were."""
    with tests.app.connection_for_write() as connection:
        return sum(Queue(queue, channel=connection.default_channel).purge() or 0 for queue in tests.QUEUES)


def wait_until(true: Callable[[], Any], seconds: float = 30.0, *, sweeping: bool = False) -> None:
    """Waits until it is true; `sweeping`: as a dispatcher beside it. Fails the test if it takes too long."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it has not come true"
        if sweeping:
            sweep()
        time.sleep(0.05)


def ended(run_id: str) -> RunRecord:
    """Waits for the end of a run, with a dispatcher beside it."""
    wait_until(lambda: run_of(run_id).finished_at is not None, sweeping=True)
    return run_of(run_id)


@contextmanager
def configured(**changes: Any) -> Any:
    """Other options in this process, for the length of a block."""
    before = config.current()
    durable.configure(tests.app, tests.engine, tests.options(**changes))
    try:
        yield
    finally:
        durable.configure(tests.app, before.engine, before.options)


# ---- for the pure rules


def progress(status: str = "running", /, **groups: Any) -> Progress:
    """`progress(done=["a.b"], intent=[…], refused=[…], outputs={"a.b": {…}})`."""
    steps = {name: state for state in ("done", "intent", "refused") for name in groups.get(state, ())}
    return Progress(status, steps, dict.fromkeys(groups.get("done", ())) | groups.get("outputs", {}))


def names(stages: list[list[Call]]) -> list[list[str]]:
    return [[call.name for call in stage] for stage in stages]


def flat(stages: list[list[str]]) -> list[str]:
    return [name for stage in stages for name in stage]
