"""The tables of imports, in schema `catalogue`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created


class Import(Base):
    """A catalogue import. The counts are final when it has finished.

    `skipped`: rows that are not products, such as additional images.
    """

    __tablename__ = "import"
    __table_args__ = (
        Index("ix_import_under_way", "sha256", postgresql_where=text("finished_at IS NULL")),
        {"schema": "catalogue"},
    )
    id: Mapped[str] = mapped_column(Id("imp"), primary_key=True)
    run_id: Mapped[str] = mapped_column(Id("run"))
    owner: Mapped[str] = mapped_column(Id("usr"))
    format: Mapped[str] = mapped_column(String(16))
    file_name: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]]
    rows: Mapped[int]
    skipped: Mapped[int]
    created: Mapped[int] = mapped_column(server_default="0")
    updated: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    refused: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None]


class Chunk(Base):
    """Rows of a file as JSON, until they are imported. In the database, so that any worker can read them."""

    __tablename__ = "import_chunk"
    __table_args__ = ({"schema": "catalogue"},)
    import_id: Mapped[str] = mapped_column(Id("imp"), ForeignKey(Import.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str]


class Refused(Base):
    """A refused row and the reason. `line`: where it begins in the file, counted from 1."""

    __tablename__ = "import_refusal"
    __table_args__ = ({"schema": "catalogue"},)
    import_id: Mapped[str] = mapped_column(Id("imp"), ForeignKey(Import.id, ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sku: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str]
