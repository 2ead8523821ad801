"""Uploads: a file is stored in pieces, and the run that reads and imports it is started."""

from collections.abc import Iterator
from typing import IO

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models import catalogue
from models.core.errors import Invalid
from models.imports.csv_file import HEAD, Head, check_head
from models.imports.tables import Import, Piece

PIECE = 1 << 18  # bytes; changing it would break the imports that are being read
WORKFLOW = "catalogue_import"


def start_import(
    session: Session,
    owner: str | None,
    file: IO[bytes],
    *,
    sha256: str,
    file_name: str | None,
    default_kind: str | None,
) -> Import:
    """Stores a seekable file and starts the run that reads and imports it.

    While an import of the same file by the same owner is in progress, that import is returned instead. Checks the
    beginning of the file; raises NotACatalogue and ImportTooLarge, and Invalid for an unknown kind. Faults further down
    refuse the import later.
    """
    if default_kind is not None and default_kind not in (names := catalogue.kind_names(session)):
        raise Invalid("No such kind.", errors={"kind": [f"Must be one of: {', '.join(names)}."]})
    head = _head_of(file)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(sha256, 0))))
    options = {"columns": head.columns, "kind": default_kind}
    same = Import.sha256 == sha256, Import.owner == owner, Import.finished_at.is_(None), Import.options == options
    under_way = session.scalars(select(Import).where(*same).limit(1)).one_or_none()
    if under_way is not None:
        return under_way
    made = Import(
        id=new_id("imp"), owner=owner, status="reading", format=head.format, file_name=file_name, sha256=sha256,
        options=options, bytes_read=head.offset, lines_read=head.line - 1, rows=0, skipped=0,
    )  # fmt: skip
    made.run_id = durable.start(session, WORKFLOW, key=made.id, input={"import_id": made.id}, owner=owner)
    session.add(made)
    session.flush()
    made.size = _store(session, made.id, file)
    session.flush()
    return made


def read_pieces(session: Session, made: Import) -> Iterator[bytes]:
    """The bytes of a file from where they have not been read, a piece at a time."""
    number, begun = divmod(made.bytes_read, PIECE)
    while body := session.scalar(select(Piece.body).filter_by(import_id=made.id, number=number)):
        yield body[begun:]
        number, begun = number + 1, 0


def _head_of(file: IO[bytes]) -> Head:
    start = file.read(HEAD + 1)
    file.seek(0)
    return check_head(start[:HEAD], is_all=len(start) <= HEAD)


def _store(session: Session, import_id: str, file: IO[bytes]) -> int:
    size = number = 0
    while body := file.read(PIECE):
        session.execute(insert(Piece), {"import_id": import_id, "number": number, "body": body})
        size, number = size + len(body), number + 1
    return size
