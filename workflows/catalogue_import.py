"""The import of a catalogue file: all of it is read; then its chunks are imported in parallel, and added up.

From then on a failure stops it, and it waits for an operator. It can be cancelled at any time; what was imported stays.
"""

from durable import Each, Outputs, Pivot, Workflow
from models.core.workflow_inputs import ImportInput
from tasks import catalogue


def _chunks(outputs: Outputs) -> list[str]:
    return [str(number) for number in outputs[catalogue.read.name]["chunks"]]


# Version 1 read the file before the run was started. Its runs continue with this version: their chunks are there.
CATALOGUE_IMPORT = Workflow(
    "catalogue_import",
    Pivot(catalogue.read),
    Each(catalogue.take, over=_chunks),
    catalogue.finish,
    if_refused=(catalogue.close,),
    input=ImportInput,
    version=2,
    cancel_past_pivot=True,
)
