"""The import of a catalogue file: its chunks in parallel, then their sum. Never compensated."""

from durable import Each, Outputs, Workflow
from models.core.workflow_inputs import ImportInput
from tasks import catalogue


def _chunks(outputs: Outputs) -> list[str]:
    begun = outputs[catalogue.begin.name] or {}
    return [str(number) for number in begun["chunks"]]


CATALOGUE_IMPORT = Workflow(
    "catalogue_import",
    catalogue.begin,
    Each(catalogue.take, over=_chunks),
    catalogue.finish,
    input=ImportInput,
)
