"""Steps of the catalogue service: a file is taken into the shop a chunk at a time."""

from typing import Any

from sqlalchemy.orm import Session

from durable import Run, Service
from models import imports
from models.core.workflow_inputs import ImportInput

service = Service("catalogue")


@service.step
def begin(session: Session, run: Run[ImportInput]) -> dict[str, list[int]]:
    """Says of which chunks the import is made."""
    return {"chunks": imports.list_chunk_numbers(session, run.input["import_id"])}


@service.step_for_each
def take(session: Session, run: Run[ImportInput], number: str) -> dict[str, Any]:
    """Takes a chunk's products into the shop; what can't be taken is kept with its reason."""
    return imports.import_chunk(session, run.input["import_id"], int(number))


@service.step
def finish(session: Session, run: Run[ImportInput]) -> dict[str, Any]:
    """Sums the chunks up."""
    parts = run.outputs(take).values()
    return imports.finish_import(session, run.input["import_id"], parts)
