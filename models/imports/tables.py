"""The tables of imports, in schema `catalogue`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created
from models.core.status import Transitions

IMPORT_STATUS = Transitions(
    "import",
    {
        "reading": ("importing", "refused", "cancelled"),
        "importing": ("imported", "cancelled"),
        "imported": (),
        "refused": (),
        "cancelled": (),
    },
)


class Import(Base):
    """A catalogue import. The counts are final when it has finished.

    `rows`: read so far. `skipped`: rows that are not products, such as additional images; not among `rows`. `dropped`:
    rows that were not imported because the import was cancelled. `bytes_read` and `lines_read`: where the next row to
    be read begins. `first_row`: the first row of the Shopify product before it. `not_taken`: name of a column
    that an import does not take → number of rows with a value there. `owner`: None: an operator.
    """

    __tablename__ = "import"
    __table_args__ = (
        CheckConstraint(IMPORT_STATUS.constraint, name="status"),
        Index("ix_import_under_way", "sha256", postgresql_where=text("finished_at IS NULL")),
        {"schema": "catalogue"},
    )
    id: Mapped[str] = mapped_column(Id("imp"), primary_key=True)
    run_id: Mapped[str] = mapped_column(Id("run"))
    owner: Mapped[str | None] = mapped_column(Id("usr"))
    status: Mapped[str] = mapped_column(String(16))
    format: Mapped[str] = mapped_column(String(16))
    file_name: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]]
    size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    bytes_read: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lines_read: Mapped[int] = mapped_column(server_default="0")
    chunks: Mapped[int] = mapped_column(server_default="0")
    first_row: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    rows: Mapped[int]
    skipped: Mapped[int]
    not_taken: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    created: Mapped[int] = mapped_column(server_default="0")
    updated: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    refused: Mapped[int] = mapped_column(server_default="0")
    dropped: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None]


class Piece(Base):
    """A part of a file, until the file is read. In the database, so that any worker can read it."""

    __tablename__ = "import_piece"
    __table_args__ = ({"schema": "catalogue"},)
    import_id: Mapped[str] = mapped_column(Id("imp"), ForeignKey(Import.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes]


class SeenSku(Base):
    """A SKU, the line of its first row and the number of the chunk with it, until the file is read.

    `repeats`: how many further rows with it are kept.
    """

    __tablename__ = "import_sku"
    __table_args__ = ({"schema": "catalogue"},)
    import_id: Mapped[str] = mapped_column(Id("imp"), ForeignKey(Import.id, ondelete="CASCADE"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64), primary_key=True)
    line: Mapped[int]
    chunk: Mapped[int] = mapped_column(server_default="0")
    repeats: Mapped[int] = mapped_column(server_default="0")


class Chunk(Base):
    """Rows of a file as JSON, until they are imported."""

    __tablename__ = "import_chunk"
    __table_args__ = ({"schema": "catalogue"},)
    import_id: Mapped[str] = mapped_column(Id("imp"), ForeignKey(Import.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str]


class Repeat(Base):
    """A further row with a SKU, until the chunk with its first row is imported: it counts if the rows before it do not.

    `body`: as of a chunk with one row.
    """

    __tablename__ = "import_repeat"
    __table_args__ = ({"schema": "catalogue"},)
    import_id: Mapped[str] = mapped_column(Id("imp"), ForeignKey(Import.id, ondelete="CASCADE"), primary_key=True)
    chunk: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_line: Mapped[int]
    body: Mapped[str]


class Refused(Base):
    """A refused row and the reason. `line`: where it begins in the file, counted from 1."""

    __tablename__ = "import_refusal"
    __table_args__ = ({"schema": "catalogue"},)
    import_id: Mapped[str] = mapped_column(Id("imp"), ForeignKey(Import.id, ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sku: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str]
