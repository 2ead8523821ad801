"""A run held by one transaction: its row locked, its steps as they stand, and what is done to them, written at its end.

Under the lock nobody else changes the run's steps, so that they are read once and written once, however many
of them a transaction performs.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, String, bindparam, column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from models.database import Id, Statements
from models.runs.tables import Run

ENDED = "run_ended"  # channel of NOTIFY; its payload is the run's id


@dataclass(frozen=True)
class Parked:
    """What a step returns to wait: until `until`, or until a signal comes. It is performed again then."""

    until: datetime


@dataclass(frozen=True)
class Known:
    """What the database says of a step."""

    status: str
    generation: int
    attempts: int
    output: dict[str, Any] | None


@dataclass
class Held:
    """A run whose row this transaction has locked. What steps read of their run."""

    id: str
    workflow: str
    key: str
    status: str
    input: dict[str, Any]
    error: dict[str, Any]  # empty unless it was refused
    signals: dict[str, Any]
    generation: int
    steps: dict[str, Known]
    taken_at: datetime  # by the database's clock
    taken: float  # by our own
    noted: dict[str, dict[str, Any]] = field(default_factory=dict)  # rows of steps, to be written

    def is_done(self, name: str) -> bool:
        return name in self.steps and self.steps[name].status == "done"

    def may_begin(self, name: str, *, again: bool) -> bool:
        """Whether the step is for us to do: not done or refused, and in nobody else's hands.

        An `intent` of the same generation is in somebody's hands, unless the message comes `again`, from a
        worker that died with it.
        """
        known = self.steps.get(name)
        return known is None or (known.status == "intent" and (known.generation < self.generation or again))

    def output_of(self, name: str) -> dict[str, Any] | None:
        """What an earlier step has written, or None if it is not done."""
        return self.steps[name].output if self.is_done(name) else None

    def outputs_of(self, name: str) -> dict[str, dict[str, Any]]:
        """Item → what a step that is done for each has written for it, of the items that are done."""
        found = ((part, self.output_of(part)) for part in self.steps if part.startswith(f"{name}["))
        return {part.removeprefix(f"{name}[").removesuffix("]"): output for part, output in found if output is not None}

    def now(self) -> datetime:
        """The time by the database's clock, which all workers share."""
        return self.taken_at + timedelta(seconds=time.monotonic() - self.taken)

    def begin(self, name: str, queue: str, began: datetime) -> None:
        """Notes that a step is begun whose outside call follows the commit."""
        known = self.steps.get(name)
        attempts = known.attempts + 1 if known else 1
        self._note(name, queue, began, Known("intent", self.generation, attempts, None))

    def finish(self, name: str, queue: str, began: datetime, output: dict[str, Any] | None) -> None:
        """Notes that a step is done."""
        known = self.steps.get(name)
        attempts = known.attempts + (known.generation < self.generation) if known else 1
        self._note(name, queue, began, Known("done", self.generation, attempts, output))
        self.noted[name]["finished_at"] = self.now().isoformat()

    def _note(self, name: str, queue: str, began: datetime, known: Known) -> None:
        self.steps[name] = known
        self.noted[name] = {"name": name, "queue": queue, "started_at": began.isoformat(), "status": known.status,
                            "attempts": known.attempts, "output": known.output}  # fmt: skip


_STEPS = """(SELECT jsonb_object_agg(name, jsonb_build_array(status, generation, attempts, output))
    FROM workflow.step WHERE run_id = :run_id)"""
_FACTS = ("id", "workflow", "key", "status", "input", "error", "signals", "generation")
# The commonest statement there is. If the lock had to be waited for, the row is as it is now, but the sub-selects
# are as they were before: xmin, which every change of the row changes, tells.
_TAKE = text(f"""
    SELECT {", ".join(_FACTS)}, clock_timestamp() AS taken_at, {_STEPS} AS steps,
        xmin::text <> (SELECT xmin::text FROM workflow.run WHERE id = :run_id) AS changed
    FROM workflow.run WHERE id = :run_id AND generation = :generation AND finished_at IS NULL FOR UPDATE
""").columns(  # noqa: S608, the names are our own
    *(Run.__table__.c[name] for name in _FACTS), column("taken_at", DateTime(timezone=True)), column("steps", JSONB),
)  # fmt: skip
_STEPS_NOW = text(f"SELECT {_STEPS} AS steps").columns(column("steps", JSONB))


def take(session: Session, run_id: str, generation: int) -> Held | None:
    """Locks the run for this transaction. None: the run is over or the message is of an old generation."""
    values = {"run_id": Id("run").process_bind_param(run_id, None), "generation": generation}
    taken, connection = time.monotonic(), session.connection()
    found = connection.execute(_TAKE, values).one_or_none()
    if found is None:
        return None
    steps = found.steps
    if found.changed:
        steps = connection.scalar(_STEPS_NOW, {"run_id": values["run_id"]})
    known = {name: Known(*step) for name, step in (steps or {}).items()}
    facts = {name: found._mapping[name] for name in _FACTS}
    facts["error"] = found.error or {}
    return Held(**facts, steps=known, taken_at=found.taken_at, taken=taken)


_NOTED = """
    INSERT INTO workflow.step AS step
        (run_id, name, status, output, attempts, generation, queue, worker, started_at, finished_at)
    SELECT :run_id, name, status, output, attempts, :generation, queue, :worker, started_at, finished_at
    FROM jsonb_to_recordset(:noted) AS noted (name text, status text, output jsonb, attempts int, queue text,
        started_at timestamptz, finished_at timestamptz)
    ON CONFLICT (run_id, name) DO UPDATE
    SET status = excluded.status, output = excluded.output, error = NULL, attempts = excluded.attempts,
        generation = excluded.generation, worker = excluded.worker, started_at = excluded.started_at,
        finished_at = excluded.finished_at
"""
_TYPES = (
    bindparam("run_id", type_=Id("run")), bindparam("noted", type_=JSONB), bindparam("worker", type_=String),
)  # fmt: skip
# When a step is done, the message of what comes next is published from now on, and what it took is forgotten.
_WRITE = text(f"""
    WITH noted AS ({_NOTED})
    UPDATE workflow.run SET lease_until = clock_timestamp() + make_interval(secs => :lease),
        published_at = CASE WHEN :progress THEN clock_timestamp() ELSE published_at END,
        attempts = CASE WHEN :progress THEN 0 ELSE attempts END,
        stuck_at = CASE WHEN :progress THEN NULL ELSE stuck_at END
    WHERE id = :run_id
""").bindparams(*_TYPES)  # noqa: S608, our own words
# Who waits for the run is woken by the notification, which PostgreSQL delivers with the commit.
_END = text(f"""
    WITH noted AS ({_NOTED}), run AS (
        UPDATE workflow.run
        SET status = :ends, result = :result, finished_at = clock_timestamp(), attempts = 0, stuck_at = NULL
        WHERE id = :run_id
    )
    SELECT pg_notify(:channel, :payload)
""").bindparams(*_TYPES, bindparam("result", type_=JSONB(none_as_null=True)))  # noqa: S608, our own words
_PARK = text("""
    WITH unbegun AS (DELETE FROM workflow.step WHERE run_id = :run_id AND name = :name)
    UPDATE workflow.run
    SET status = 'waiting', lease_until = :until, generation = generation + 1, published_at = NULL
    WHERE id = :run_id
""").bindparams(bindparam("run_id", type_=Id("run")), bindparam("until", type_=DateTime(timezone=True)))


def write(session: Session, held: Held, *, worker: str | None, lease: float) -> None:
    """Writes what was noted. `lease`: seconds from now for which nobody else need worry about the run."""
    session.flush()
    progress = any(step["status"] == "done" for step in held.noted.values())
    session.connection().execute(_WRITE, {**_values(held, worker), "lease": lease, "progress": progress})


def write_end(session: Session, held: Held, *, worker: str | None, last: str, status: str) -> None:
    """Writes what was noted and ends the run in that status, with the output of its `last` step as its result."""
    session.flush()
    ending = {"ends": status, "result": held.output_of(last), "channel": ENDED, "payload": held.id}
    session.connection().execute(_END, {**_values(held, worker), **ending})


_KEEP = text("""
    UPDATE workflow.run SET lease_until = greatest(lease_until, clock_timestamp() + make_interval(secs => :lease))
    WHERE id = :run_id AND generation = :generation AND finished_at IS NULL
""").bindparams(bindparam("run_id", type_=Id("run")))


def keep(session: Statements, run_id: str, generation: int, lease: float) -> None:
    """Extends the lease to so many seconds from now, if the run is live and still of that generation."""
    session.execute(_KEEP, {"run_id": run_id, "generation": generation, "lease": lease})


def park(session: Session, held: Held, name: str, until: datetime) -> None:
    """Lets the run wait without a worker. Its step counts as not begun."""
    session.flush()
    session.connection().execute(_PARK, {"run_id": held.id, "name": name, "until": until})


def _values(held: Held, worker: str | None) -> dict[str, Any]:
    return {"run_id": held.id, "generation": held.generation, "worker": worker, "noted": list(held.noted.values())}
