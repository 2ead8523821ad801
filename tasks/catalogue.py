"""Steps of the catalogue service: reading a file, and importing it in chunks."""

from typing import Any

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import imports
from models.core.workflow_inputs import ImportInput

service = Service("catalogue")


@service.step
def read(session: Session, run: Run[ImportInput]) -> dict[str, list[int]] | Suspend:
    """Reads the next part of the file, until all of it is split into chunks. Refused if it is not a catalogue."""
    chunks = imports.read_slice(session, run.input["import_id"])
    return Suspend(run.now()) if chunks is None else {"chunks": chunks}


@service.step_for_each
def take(session: Session, run: Run[ImportInput], number: str) -> dict[str, int]:
    """Imports the products of a chunk. Refused rows are stored with their reason."""
    return imports.import_chunk(session, run.input["import_id"], int(number))


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
