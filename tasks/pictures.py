"""Steps of the pictures service: decoding an upload, making and storing its files, and deleting them."""

from typing import Any, NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, queries
from models import pictures
from models.core.errors import FileStoreDown, NotFound
from models.core.workflow_inputs import PictureInput, SlotInput
from tasks.gateways.files import open_store

service = Service("pictures")

SWEPT = 500
"""Pictures whose removal one sweep starts."""


class Wanted(TypedDict):
    """What a call is asked for. `width`: of the files, in pixels."""

    picture_id: str
    width: NotRequired[int]


class Inspected(TypedDict):
    """The size of a picture in pixels, and the widths of its files."""

    width: int
    height: int
    widths: list[int]


def _inspect(request: Wanted, key: str) -> Inspected:
    """Decodes all of the upload, so that no later step finds a fault in it."""
    image = pictures.decode(_read(request))
    return {"width": image.width, "height": image.height, "widths": pictures.widths_of(image.width)}


@service.external_step(call=_inspect, record=lambda session, run, answer: answer, replayable=True)
def inspect(session: Session, run: Run[PictureInput]) -> Wanted:
    """Decodes the upload outside any transaction, because it takes time. Refused if it is not a picture."""
    return {"picture_id": run.input["picture_id"]}


def _render(request: Wanted, key: str) -> dict[str, pictures.File]:
    """The keys of the files follow from the picture and the width: a repeated call replaces them.

    A worker that was stopped for a while may come too late, when the files are deleted already. It deletes its own.
    """
    store, files = open_store(), {}
    for name, contents in pictures.render(_read(request), request["width"]):
        media_type = pictures.FORMATS[name.partition(".")[2]]
        store.put(f"{request['picture_id']}/{name}", contents, media_type)
        files[name] = pictures.describe(contents)
    if not pictures.has_files(request["picture_id"]):
        store.remove(request["picture_id"])
    return files


@service.external_step_for_each(call=_render, record=lambda session, run, answer: answer, replayable=True)
def render(session: Session, run: Run[PictureInput], width: str) -> Wanted:
    """Makes and stores the files of one width. Refused if the picture was removed meanwhile."""
    pictures.check_processing(session, run.input["picture_id"])
    return {"picture_id": run.input["picture_id"], "width": int(width)}


@service.step
def publish(session: Session, run: Run[PictureInput]) -> dict[str, object]:
    """Shows the picture. Refused if it, or its product, was removed meanwhile."""
    found = run.output(inspect)
    assert found is not None
    files = {name: file for output in run.outputs(render).values() for name, file in output.items()}
    shown = pictures.publish(session, run.input["picture_id"], (found["width"], found["height"]), files)
    return {"picture_id": shown.id, "product_id": shown.product_id}


@service.step
def close(session: Session, run: Run[PictureInput]) -> dict[str, object]:
    """Records why the picture cannot be shown."""
    pictures.fail(session, run.input["picture_id"], run.error)
    return {"picture_id": run.input["picture_id"]}


def _remove_files(request: Wanted, key: str) -> dict[str, int]:
    return {"files": open_store().remove(request["picture_id"])}


def _record_removal(session: Session, run: Run[PictureInput], answer: dict[str, int]) -> dict[str, Any]:
    """The row goes last: while it is there, the files can be found."""
    return {**answer, "deleted": pictures.forget(session, run.input["picture_id"])}


@service.external_step(call=_remove_files, record=_record_removal, replayable=True)
def remove_files(session: Session, run: Run[PictureInput]) -> Wanted:
    """Deletes the files of the picture, and then its row if it was removed. Waits for workers that still write one."""
    now = run.now()
    for step in queries.steps_of_run(session, run.id):
        is_held = step.status == "intent" and step.error is None and step.lease_until and step.lease_until > now
        if is_held and step.name.startswith(f"{render.name}["):
            raise FileStoreDown("Another worker still stores a file of the picture.")
    return {"picture_id": run.input["picture_id"]}


@service.step
def remove_left_over(session: Session, run: Run[SlotInput]) -> dict[str, int]:
    """Removes pictures of deleted products."""
    return {"removed": pictures.remove_left_over(session, SWEPT)}


def _read(request: Wanted) -> bytes:
    body = pictures.read_upload(request["picture_id"])
    if body is None:
        raise NotFound("The upload was processed or removed meanwhile.")
    return body
