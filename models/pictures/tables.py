"""The tables of schema `pictures`."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.catalogue import Product
from models.core.database import Base, Created
from models.core.status import Transitions

MAX_ALT = 500
PICTURE_STATUS = Transitions(
    "picture",
    {"processing": ("ready", "failed", "removed"), "ready": ("removed",), "failed": ("removed",), "removed": ()},
)
"""`removed`: shown to nobody; the row is deleted once the picture's files are."""


class Picture(Base):
    """A picture of a product. What it shows never changes; `alt` and `position` may.

    `width` and `height`: after its orientation was applied; None until it was decoded. `sources`: its files as the API
    shows them, [{type, width, url}]. `files`: name → {sha256, size}; a file's key in the store is `<id>/<name>`.
    `error`: why it has failed.
    """

    __tablename__ = "picture"
    __table_args__ = (
        CheckConstraint(PICTURE_STATUS.constraint, name="status"),
        CheckConstraint("status <> 'ready' OR (width > 0 AND height > 0)", name="size"),
        Index("ix_picture_product", "product_id", "position", "id"),
        Index("ix_picture_shown", "product_id", "position", "id", postgresql_where=text("status = 'ready'")),
        {"schema": "pictures"},
    )
    id: Mapped[str] = mapped_column(Id("pic"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), ForeignKey(Product.id))
    position: Mapped[int]
    alt: Mapped[str] = mapped_column(String(MAX_ALT))
    status: Mapped[str] = mapped_column(String(16), server_default="processing")
    width: Mapped[int | None]
    height: Mapped[int | None]
    sources: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    files: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    run_id: Mapped[str] = mapped_column(Id("run"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Upload(Base):
    """The file as it was sent, with whatever it says of its photographer; kept only while it is processed."""

    __tablename__ = "upload"
    __table_args__ = ({"schema": "pictures"},)
    picture_id: Mapped[str] = mapped_column(Id("pic"), ForeignKey(Picture.id, ondelete="CASCADE"), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
