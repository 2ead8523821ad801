"""Steps of the catalogue service: importing a file in chunks."""

from typing import Any

from sqlalchemy.orm import Session

from durable import Run, Service
from models import imports
from models.core.workflow_inputs import ImportInput

service = Service("catalogue")


@service.step
def begin(session: Session, run: Run[ImportInput]) -> dict[str, list[int]]:
    """Lists the chunks of the import."""
    return {"chunks": imports.list_chunk_numbers(session, run.input["import_id"])}


@service.step_for_each
def take(session: Session, run: Run[ImportInput], number: str) -> dict[str, Any]:
    """Imports the products of a chunk. Refused rows are stored with their reason."""
    return imports.import_chunk(session, run.input["import_id"], int(number))


@service.step
def finish(session: Session, run: Run[ImportInput]) -> dict[str, Any]:
    """Adds up the chunks' counts."""
    parts = run.outputs(take).values()
    return imports.finish_import(session, run.input["import_id"], parts)
