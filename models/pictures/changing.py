"""Pictures: adding, describing, moving, publishing and removing them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models import catalogue
from models.core.errors import Conflict, NotFound
from models.core.quotas import check_quota
from models.pictures.rendering import list_sources, widths_of
from models.pictures.tables import PICTURE_STATUS, Picture, Upload
from settings import settings


class TooManyPictures(Conflict):
    """The product has as many pictures as a product may have."""

    code = "too_many_pictures"


def add(session: Session, product_id: str, body: bytes, alt: str, owner: str | None) -> Picture:
    """Adds a picture behind the others of a product, and starts the run that makes its files.

    The caller has checked the head of the file. Raises NotFound for the product, and TooManyPictures.
    """
    product = catalogue.get_product(session, product_id, lock=True)
    held = select(Picture.id).where(Picture.product_id == product.id, Picture.status != "removed")
    detail = f"A product has at most {settings.product_pictures} pictures."
    check_quota(session, held, TooManyPictures(detail, limit=settings.product_pictures))
    last = session.scalar(select(func.max(Picture.position)).where(Picture.product_id == product.id))
    made = Picture(id=new_id("pic"), product_id=product.id, position=(last or 0) + 1, alt=alt)
    made.run_id = durable.start(session, "picture", key=made.id, input={"picture_id": made.id}, owner=owner)
    session.add(made)
    session.flush()
    session.add(Upload(picture_id=made.id, body=body))
    session.flush()
    return made


def get(session: Session, picture_id: str, *, lock: bool = False) -> Picture:
    """Returns a picture; with `lock`, it and then its product are locked. Raises NotFound, also for a removed one."""
    query = select(Picture).where(Picture.id == picture_id, Picture.status != "removed")
    found = session.scalars(query).one_or_none()
    if found is not None and lock:
        _lock_product(session, found.product_id)
        locked = query.with_for_update().execution_options(populate_existing=True)
        found = session.scalars(locked).one_or_none()
    if found is None:
        raise NotFound("No such picture.")
    return found


def update(session: Session, picture: Picture, changes: Mapping[str, Any]) -> Picture:
    """Changes `alt` and `position` of a locked picture, if given. The other pictures of the product make room.

    `position`: its place, from 1; beyond the end means the last one.
    """
    picture.alt = changes.get("alt", picture.alt)
    picture.updated_at = datetime.now(UTC)
    if "position" in changes:
        _move(session, picture, changes["position"])
    session.flush()
    _mark_product(session, picture)
    return picture


def remove(session: Session, picture: Picture) -> None:
    """Removes a locked picture: nobody sees it any more, and a run deletes its files.

    While its files are being made, the run that makes them deletes them: `publish` refuses to show it.
    """
    is_processing = picture.status == "processing"
    PICTURE_STATUS.move(picture, "removed")
    picture.updated_at = datetime.now(UTC)
    if not is_processing:
        durable.start(session, "picture_removal", key=picture.id, input={"picture_id": picture.id})
        session.flush()
        _mark_product(session, picture)


def check_processing(session: Session, picture_id: str) -> None:
    """Raises Conflict `wrong_state` if the picture was removed."""
    PICTURE_STATUS.check(session.get_one(Picture, picture_id).status, "ready")


def publish(session: Session, picture_id: str, size: tuple[int, int], files: Mapping[str, object]) -> Picture:
    """Shows a picture whose files are stored. Its upload is deleted.

    Raises NotFound if its product, and Conflict `wrong_state` if the picture was removed meanwhile.
    """
    picture = session.get_one(Picture, picture_id)
    product = catalogue.get_product(session, picture.product_id, lock=True)
    session.refresh(picture, with_for_update=True)
    PICTURE_STATUS.move(picture, "ready")
    picture.width, picture.height = size
    picture.files, picture.sources = dict(files), list_sources(picture.id, widths_of(picture.width))
    picture.updated_at = datetime.now(UTC)
    _drop_upload(session, picture_id)
    session.flush()
    catalogue.mark_changed(session, product)
    return picture


def fail(session: Session, picture_id: str, error: Mapping[str, Any]) -> None:
    """Records why a picture has no files. Its upload is deleted. Of a removed one, nothing is recorded."""
    picture = session.get_one(Picture, picture_id, with_for_update=True)
    if picture.status == "processing":
        PICTURE_STATUS.move(picture, "failed")
        picture.error = {name: error[name] for name in ("code", "detail") if name in error}
        picture.updated_at = datetime.now(UTC)
    _drop_upload(session, picture_id)


def forget(session: Session, picture_id: str) -> bool:
    """Deletes the row of a picture whose files are deleted, if it was removed; says whether."""
    gone = delete(Picture).where(Picture.id == picture_id, Picture.status == "removed").returning(Picture.id)
    return session.scalar(gone) is not None


def list_shown(session: Session, product_id: str) -> Sequence[Picture]:
    """The pictures of a product on sale that everybody sees, in their order. Raises NotFound."""
    catalogue.get_product(session, product_id)
    shown = select(Picture).where(Picture.product_id == product_id, Picture.status == "ready")
    return session.scalars(shown.order_by(Picture.position, Picture.id)).all()


def remove_left_over(session: Session, limit: int) -> int:
    """Removes pictures of products that are deleted; at most `limit`, and says how many."""
    deleted = catalogue.Product.deleted_at.is_not(None), Picture.status.in_(("ready", "failed"))
    left = select(Picture).join(catalogue.Product, Picture.product_id == catalogue.Product.id).where(*deleted)
    found = session.scalars(left.order_by(Picture.id).limit(limit).with_for_update(of=Picture, skip_locked=True)).all()
    for picture in found:
        remove(session, picture)
    return len(found)


def _move(session: Session, picture: Picture, place: int) -> None:
    of_product = select(Picture).where(Picture.product_id == picture.product_id, Picture.status != "removed")
    others = of_product.where(Picture.id != picture.id).order_by(Picture.position, Picture.id)
    in_order = list(session.scalars(others.with_for_update()))
    in_order.insert(place - 1, picture)
    for position, each in enumerate(in_order, start=1):
        each.position = position


def _mark_product(session: Session, picture: Picture) -> None:
    """What everybody sees of the product has changed, if it is still on sale and they see the picture."""
    product = session.get(catalogue.Product, picture.product_id)
    if product is not None and product.deleted_at is None and picture.sources:
        catalogue.mark_changed(session, product)


def _lock_product(session: Session, product_id: str) -> None:
    locked = select(catalogue.Product.id).where(catalogue.Product.id == product_id)
    session.execute(locked.with_for_update(key_share=True))


def _drop_upload(session: Session, picture_id: str) -> None:
    session.execute(delete(Upload).where(Upload.picture_id == picture_id))
