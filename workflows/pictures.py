"""Pictures: an upload becomes files of several widths and formats; a removed picture loses its files."""

from durable import Each, Outputs, Pivot, Workflow
from models.core.workflow_inputs import PictureInput, SlotInput
from tasks import pictures


def _widths(outputs: Outputs) -> list[str]:
    return [str(width) for width in outputs[pictures.inspect.name]["widths"]]


PICTURE = Workflow(
    "picture",
    pictures.inspect,
    Each(pictures.render, over=_widths),
    Pivot(pictures.publish),
    if_refused=(pictures.close, pictures.remove_files),
    input=PictureInput,
)
PICTURE_REMOVAL = Workflow("picture_removal", pictures.remove_files, input=PictureInput)
PICTURE_SWEEP = Workflow("picture_sweep", pictures.remove_left_over, input=SlotInput)
