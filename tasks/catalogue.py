"""Steps of the catalogue service: reading a file, and importing it in chunks."""

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
"""Far more than a row takes."""


@service.step
def read(session: Session, run: Run[ImportInput]) -> dict[str, list[int]] | Suspend:
    """Reads the next part of the file, until all of it is split into chunks. Refused if it is not a catalogue."""
    chunks = imports.read_slice(session, run.input["import_id"])
    return Suspend(run.now()) if chunks is None else {"chunks": chunks}


@service.step_for_each(droppable=True)
def take(session: Session, run: Run[ImportInput], number: str) -> dict[str, int]:
    """Imports the products of a chunk. Refused rows are stored with their reason.

    After a failure it goes on row by row, and notes each row before it begins. The row at which that attempt fails,
    too, is refused by the next one.
    """
    import_id, name = run.input["import_id"], f"{take.name}[{number}]"
    if run.is_dropped(take, number):
        return imports.drop_chunk(session, import_id, int(number), "An operator dropped this part of the file.")
    failed = [one for one in queries.attempts_of_step(session, run.id, name) if one.error["code"] != "gateway_down"]
    if not failed:
        return imports.import_chunk(session, import_id, int(number))
    suspects = _suspects(queries.progress_of_step(session, run.id, name), failed[-1])

    def note(line: int) -> None:
        noted = {"line": line, "at": run.now().isoformat(), "suspects": suspects}
        durable.heartbeat(noted, at_once=True)

    return imports.import_chunk_row_by_row(session, import_id, int(number), suspects, note)


def _suspects(noted: dict[str, Any], last: AttemptRecord) -> list[int]:
    """The lines of the rows at which attempts have failed, by what the last attempt noted.

    A time limit is the fault of a row only if the row took long itself.
    """
    if "line" not in noted:
        return []
    took = last.ended_at - datetime.fromisoformat(noted["at"])
    is_slow = "TimeLimit" in last.error.get("trace", "") and took < LONG
    return sorted({*noted["suspects"], *([] if is_slow else [noted["line"]])})


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
