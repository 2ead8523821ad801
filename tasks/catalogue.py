"""Steps of the catalogue service: reading a file, and importing it in chunks."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

import durable
from durable import Run, Service, Suspend, queries
from durable.tables import AttemptRecord
from models import imports
from models.core.workflow_inputs import ImportInput

service = Service("catalogue")

LONG = timedelta(seconds=5)
"""Far more than a row or a portion of rows takes."""
TIME_LIMIT = timedelta(seconds=35)
"""An attempt that lasted longer has probably reached the soft time limit (celeryconfig.py)."""
ALONE_FOR = 10.0
"""Seconds for which an attempt after a failure imports each row alone, which takes 25 times as long as in a chunk."""


@service.step
def read(session: Session, run: Run[ImportInput]) -> dict[str, list[int]] | Suspend:
    """Reads the next part of the file, until all of it is split into chunks. Refused if it is not a catalogue."""
    chunks = imports.read_slice(session, run.input["import_id"])
    return Suspend(run.now()) if chunks is None else {"chunks": chunks}


@service.step_for_each(droppable=True)
def take(session: Session, run: Run[ImportInput], number: str) -> dict[str, int]:
    """Imports the products of a chunk. Refused rows are stored with their reason.

    After a failure it goes on row by row, and notes each row before it begins. The row at which that attempt fails,
    too, is refused by the next one. So that a slow machine completes the chunk, rows that are left after ALONE_FOR are
    imported in portions; if one fails, the next attempt takes its rows one by one.
    """
    import_id, name = run.input["import_id"], f"{take.name}[{number}]"
    if run.is_dropped(take, number):
        return imports.drop_chunk(session, import_id, int(number), "An operator dropped this part of the file.")
    failed = [one for one in queries.attempts_of_step(session, run.id, name) if one.error["code"] != "gateway_down"]
    if not failed:
        return imports.import_chunk(session, import_id, int(number))
    found = _Isolation.after(failed[-1], queries.progress_of_step(session, run.id, name))

    def note(first: int, last: int) -> None:
        noted = {"first": first, "last": last, "at": run.now().isoformat(), "suspects": found.suspects}
        durable.heartbeat(noted, at_once=True)

    return imports.import_chunk_in_portions(
        session, import_id, int(number), suspects=found.suspects, is_alone=found.is_alone, before_each=note
    )


@dataclass(frozen=True)
class _Isolation:
    """What the failures of a chunk have shown. `suspects`: lines of rows that are refused. `first` and `last`: lines
    between which one has failed its worker. `until`: the monotonic time until which each row is imported alone."""

    suspects: list[int]
    first: int
    last: int
    until: float

    @classmethod
    def after(cls, failure: AttemptRecord, noted: dict[str, Any]) -> "_Isolation":
        """By the last failure, and what its attempt noted.

        A time limit is the fault of a row only if the row took long itself. It shows as a lost database if it came
        while PostgreSQL was waited for, so the time counts.
        """
        lasted = failure.ended_at - (failure.started_at or failure.ended_at)
        is_late = "TimeLimit" in failure.error.get("trace", "") or lasted > TIME_LIMIT
        until = time.monotonic() + (0.0 if is_late else ALONE_FOR)
        suspects, first, last = noted.get("suspects", []), noted.get("first", 0), noted.get("last", -1)
        if first > last or (is_late and failure.ended_at - datetime.fromisoformat(noted["at"]) < LONG):
            return cls(suspects, 0, -1, until)
        if first == last:
            return cls(sorted({*suspects, first}), 0, -1, until)
        return cls(suspects, first, last, until)

    def is_alone(self, line: int) -> bool:
        return self.first <= line <= self.last or time.monotonic() < self.until


@service.step
def finish(session: Session, run: Run[ImportInput]) -> dict[str, Any]:
    """Adds up the chunks' counts."""
    parts = run.outputs(take).values()
    return imports.finish_import(session, run.input["import_id"], parts)


@service.step
def close(session: Session, run: Run[ImportInput]) -> dict[str, Any]:
    """Closes an import that was refused or cancelled. What was imported stays; the rest is dropped."""
    parts = run.outputs(take).values()
    return imports.close_import(session, run.input["import_id"], parts, run.error)
