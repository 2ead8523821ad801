"""A catalogue file: its chunks, one beside the other, and their sum. What is taken is not taken back."""

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
