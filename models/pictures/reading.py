"""Reads of pictures by statements of their own: a served file, and what a step decodes."""

from uuid import UUID

from sqlalchemy import Select, select

from models.core import readonly
from models.core.errors import NotFound
from models.pictures.tables import Picture

_FILE = """
    SELECT files -> %(name)s ->> 'sha256' AS sha256 FROM pictures.picture
    WHERE id = %(id)s AND status = 'ready' AND files ? %(name)s
"""
_HAS_FILES = "SELECT FROM pictures.picture WHERE id = %(id)s AND status IN ('processing', 'ready')"
_UPLOAD = "SELECT body FROM pictures.upload WHERE picture_id = %(id)s"


def find_file(picture_id: str, name: str) -> str:
    """The SHA-256 of a file that everybody may see, in hexadecimal. Raises NotFound."""
    found = readonly.rows(_FILE, {"id": _uuid(picture_id), "name": name}, plan_each=False)
    if not found:
        raise NotFound("No such file.")
    return str(found[0].sha256)


def has_files(picture_id: str) -> bool:
    """Whether the picture has files, or will have."""
    return bool(readonly.rows(_HAS_FILES, {"id": _uuid(picture_id)}, plan_each=False))


def read_upload(picture_id: str) -> bytes | None:
    """The file as it was sent; None once it is processed."""
    found = readonly.rows(_UPLOAD, {"id": _uuid(picture_id)}, plan_each=False)
    return bytes(found[0].body) if found else None


def select_pictures(product_id: str | None, status: str | None) -> Select[Picture]:
    """All pictures but removed ones, of a product and with a status if given."""
    query = select(Picture).where(Picture.status != "removed")
    if product_id is not None:
        query = query.where(Picture.product_id == product_id)
    return query if status is None else query.where(Picture.status == status)


def _uuid(picture_id: str) -> UUID:
    return UUID(picture_id.removeprefix("pic_"))
