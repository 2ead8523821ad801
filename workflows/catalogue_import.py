"""A catalogue file: its chunks, one beside the other, and their sum. What is taken is not taken back."""

from tasks import catalogue
from workflows.engine import Each, Outputs, Pivot, Workflow


def _chunks(outputs: Outputs) -> list[str]:
    begun = outputs[catalogue.begin.name] or {}
    return [str(number) for number in begun["chunks"]]


CATALOGUE_IMPORT = Workflow(
    "catalogue_import",
    Pivot(catalogue.begin),
    Each(catalogue.take, over=_chunks),
    catalogue.finish,
)
