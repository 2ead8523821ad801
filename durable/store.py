"""Storage: loads a run with its step records, locked or not, and writes the changes of a transaction at its end.

Under the lock no other process changes the run's steps. They are read once and written once, however many of them a
transaction performs.
"""

import time
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Integer, String, bindparam, column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from durable import config, traces
from durable.database import observe_clock
from durable.errors import Superseded
from durable.ids import Id
from durable.plan import Call
from durable.run import Run, StepState

ENDED = "run_ended"  # channel of NOTIFY; its payload is the run's id

_STEPS = """(SELECT jsonb_object_agg(name, jsonb_build_array(status, attempts, output, CASE WHEN status = 'intent' THEN
        jsonb_build_array(coalesce(lease_until > clock_timestamp(), false), error IS NOT NULL, worker, request,
            started_at) END))
    FROM workflow.step WHERE run_id = :run_id)"""
# Columns are more expensive for the client than for the server: rarely used ones are selected as one.
_SELECT = f"""SELECT workflow, status, generation, input, jsonb_build_array(version, key, error, signals, attempts,
    publications, parent, published_at IS NOT NULL, request_id, trace, replays,
    extract(epoch FROM clock_timestamp() - created_at)) AS facts,
    clock_timestamp() AS read_at, {_STEPS} AS steps"""
_FACTS = (
    "version",
    "key",
    "error",
    "signals",
    "attempts",
    "publications",
    "parent",
    "published",
    "request_id",
    "trace",
    "replays",
    "age",
)
_OF_GENERATION = """FROM workflow.run WHERE id = :run_id AND finished_at IS NULL
    AND (CAST(:generation AS int) IS NULL OR generation = :generation)"""
_COLUMNS: tuple[ColumnElement[Any], ...] = (
    column("workflow", String), column("status", String), column("generation", Integer), column("input", JSONB),
    column("facts", JSONB), column("read_at", DateTime(timezone=True)), column("steps", JSONB),
)  # fmt: skip
_RUN_ID = bindparam("run_id", type_=Id("run"))
# The most frequent statement. If it had to wait for the lock, the row is current, but the sub-selects are not. A
# changed xmin, which every update of the row changes, reveals this.
_LOCK = (
    text(f"""{_SELECT}, xmin::text <> (SELECT xmin::text FROM workflow.run WHERE id = :run_id) AS changed
    {_OF_GENERATION} FOR NO KEY UPDATE""")
    .bindparams(_RUN_ID)
    .columns(*_COLUMNS)
)
_STEPS_NOW = text(f"SELECT {_STEPS} AS steps").bindparams(_RUN_ID).columns(column("steps", JSONB))
# Two workers must not perform the same step at the same time. Its record may not exist yet, so an advisory lock is
# held until the end of the transaction.
_FREE = "pg_try_advisory_xact_lock(hashtextextended(CAST(:run_id AS text) || :name, 0)) AS free"
_READ = (
    text(f"{_SELECT}, {_FREE} {_OF_GENERATION}").bindparams(_RUN_ID, bindparam("name", type_=String)).columns(*_COLUMNS)
)


def lock(session: Session, run_id: str, generation: int | None = None) -> Run | None:
    """Locks the run for this transaction. None if it has ended or, if `generation` is given, has another one."""
    found = session.connection().execute(_LOCK, {"run_id": run_id, "generation": generation}).one_or_none()
    if found is None:
        return None
    steps = found.steps
    if found.changed:
        steps = session.connection().scalar(_STEPS_NOW, {"run_id": run_id})
    return _run(run_id, found, steps, locked=True)


def read(session: Session, run_id: str, generation: int | None, name: str) -> Run | None:
    """Reads the run for a step that runs without the run's lock, and locks the step.

    Returns None as `lock` does, or if another worker holds the step.
    """
    values = {"run_id": run_id, "generation": generation, "name": name}
    found = session.connection().execute(_READ, values).one_or_none()
    return None if found is None or not found.free else _run(run_id, found, found.steps, locked=False)


def _run(run_id: str, found: Any, steps: dict[str, list[Any]] | None, *, locked: bool) -> Run:
    observe_clock(found.read_at)
    facts = dict(zip(_FACTS, found.facts, strict=True))
    facts["error"] = facts["error"] or {}
    facts["parent"] = facts["parent"] and f"run_{UUID(facts['parent']).hex}"
    known = {
        name: StepState(status, attempts, output, *(intent or ()))
        for name, (status, attempts, output, intent) in (steps or {}).items()
    }
    return Run(
        run_id, found.workflow, status=found.status, input=found.input, generation=found.generation, steps=known,
        read_at=found.read_at, read_monotonic=time.monotonic(), locked=locked, **facts,
    )  # fmt: skip


def begin(run: Run, call: Call, request: object = None) -> int:
    """Records the start of a step, which is committed before its work; returns the attempt's number."""
    state = run.steps.get(call.name)
    number = state.attempts + 1 if state else 1
    run.steps[call.name] = StepState("intent", number, None, held=True, request=request)
    _record(run, call, number, status="intent", started_at=run.now().isoformat(), request=request, held=True)
    return number


def finish(run: Run, call: Call, output: object, *, started_at: str, attempt: int | None = None) -> None:
    """Records that a step is done. `attempt`: its number, if its start was committed before."""
    state = run.steps.get(call.name)
    number = attempt or (state.attempts + 1 if state else 1)
    run.steps[call.name] = StepState("done", number, output)
    finished_at = run.now().isoformat()
    _record(run, call, number, status="done", started_at=started_at, output=output, finished_at=finished_at)


def _record(run: Run, call: Call, number: int, **values: object) -> None:
    run.written[call.name] = {"name": call.name, "queue": call.step.queue, "attempts": number, **values}


_UPSERT = """
    INSERT INTO workflow.step AS step
        (run_id, name, status, output, request, attempts, queue, worker, lease_until, started_at, finished_at)
    SELECT :run_id, name, status, output, request, attempts, queue, :worker,
        CASE WHEN held THEN clock_timestamp() + make_interval(secs => :lease) END, started_at, finished_at
    FROM jsonb_to_recordset(:written) AS written (name text, status text, output jsonb, request jsonb, attempts int,
        queue text, held boolean, started_at timestamptz, finished_at timestamptz)
    ON CONFLICT (run_id, name) DO UPDATE
    SET status = excluded.status, output = excluded.output, error = NULL, attempts = excluded.attempts,
        request = CASE WHEN excluded.status = 'intent' THEN coalesce(excluded.request, step.request) END,
        worker = excluded.worker, lease_until = excluded.lease_until, started_at = excluded.started_at,
        finished_at = excluded.finished_at
"""
# When a step is done, the next message counts as published now, and earlier failures no longer count. The deadline
# starts with the first step: time in a queue does not count.
_PROGRESS = """lease_until = clock_timestamp() + make_interval(secs => :lease),
        published_at = CASE WHEN :progress THEN clock_timestamp() ELSE published_at END,
        progress_at = CASE WHEN :progress THEN clock_timestamp() ELSE progress_at END,
        attempts = CASE WHEN :progress THEN 0 ELSE attempts END,
        publications = CASE WHEN :progress THEN 0 ELSE publications END,
        stuck_at = CASE WHEN :progress THEN NULL ELSE stuck_at END,
        stuck_reason = CASE WHEN :progress THEN NULL ELSE stuck_reason END,
        signals = coalesce(:signals, signals),
        trace = CASE WHEN :progress THEN coalesce(:trace, trace) ELSE trace END,
        deadline = CASE WHEN deadline IS NULL AND patience IS NOT NULL
            THEN clock_timestamp() + make_interval(secs => patience) ELSE deadline END"""
_TYPES = (
    _RUN_ID, bindparam("written", type_=JSONB), bindparam("worker", type_=String),
    bindparam("signals", type_=JSONB(none_as_null=True)), bindparam("trace", type_=String),
)  # fmt: skip
_WRITE = text(f"""
    WITH written AS ({_UPSERT}) UPDATE workflow.run SET {_PROGRESS} WHERE id = :run_id
""").bindparams(*_TYPES)
_JOIN = text(f"""
    UPDATE workflow.run SET {_PROGRESS}
    WHERE id = :run_id AND finished_at IS NULL AND status = :status AND replays = :replays RETURNING generation
""").bindparams(_RUN_ID, *_TYPES[3:])
_INSERT = text(f"""
    {_UPSERT} WHERE step.status <> 'done' AND (CAST(:attempt AS int) IS NULL OR step.attempts = :attempt) RETURNING name
""").bindparams(_RUN_ID, bindparam("written", type_=JSONB), bindparam("worker", type_=String))


def write(session: Session, run: Run, worker: str) -> None:
    """Writes the recorded steps, and renews the run's lease."""
    session.flush()
    progress = any(step["status"] == "done" for step in run.written.values())
    session.connection().execute(_WRITE, {**_values(run, worker), "progress": progress})


def join(session: Session, run: Run, call: Call, worker: str, attempt: int | None) -> None:
    """Writes one step that was performed without the run's lock. The lock is held only for this write.

    Raises Superseded if the run has ended, started to compensate or been replayed since it was read, or if another
    worker has taken over the step.
    """
    session.flush()
    values = {**_values(run, worker), "progress": True}
    read = {"signals": None, "status": run.status, "replays": run.replays}
    joined = session.connection().execute(_JOIN, {**values, **read}).one_or_none()
    if joined is None or session.connection().scalar(_INSERT, {**values, "attempt": attempt}) is None:
        raise Superseded(f"run {run.id}, {call.name}")


# `durable.wait` is woken by the notification, which PostgreSQL delivers on commit.
_END = text(f"""
    WITH written AS ({_UPSERT}), run AS (
        UPDATE workflow.run SET status = :ends, result = :result, finished_at = clock_timestamp(), attempts = 0,
            stuck_at = NULL, stuck_reason = NULL, published_at = NULL
        WHERE id = :run_id
    )
    SELECT pg_notify(:channel, :payload)
""").bindparams(*_TYPES[:3], bindparam("result", type_=JSONB(none_as_null=True)))


def write_end(session: Session, run: Run, worker: str, status: str, result: object) -> None:
    """Writes the recorded steps, and the end of the run."""
    session.flush()
    ending = {"ends": status, "result": result, "channel": ENDED, "payload": run.id}
    session.connection().execute(_END, {**_values(run, worker), **ending})


def _values(run: Run, worker: str) -> dict[str, object]:
    return {
        "run_id": run.id, "worker": worker, "written": list(run.written.values()), "lease": config.options().lease,
        "signals": run.signals if run.consumed else None,
        "trace": traces.origin(run.trace) if run.trace and traces.links(run.trace) else None,
    }  # fmt: skip
