"""The tables of schema `catalogue`."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from durable.ids import Id
from models.core.database import Base, Created, Currency, MinorUnits

ON_SALE = text("deleted_at IS NULL")
HAS_BARCODE = text("deleted_at IS NULL AND (attributes->>'barcode') IS NOT NULL")
IN_GROUP = text("group_id IS NOT NULL")
PENDING_LIST = {"gin_pending_list_limit": 256}
"""KiB of pending index entries, which every search has to scan."""


class Kind(Base):
    """A kind of products. `attributes`: what its products may have, as `kind_input.Attribute` has them."""

    __tablename__ = "kind"
    __table_args__ = ({"schema": "catalogue"},)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    attributes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Category(Base):
    """A node in the category tree. Its name is unique, ignoring case."""

    __tablename__ = "category"
    id: Mapped[str] = mapped_column(Id("cat"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    parent_id: Mapped[str | None] = mapped_column(Id("cat"), ForeignKey("catalogue.category.id"), index=True)
    updated_at: Mapped[Created]
    __table_args__ = (Index("uq_category_name", func.lower(name), unique=True), {"schema": "catalogue"})


class Author(Base):
    """An author. Authors with the same name are distinguished by their e-mail address."""

    __tablename__ = "author"
    id: Mapped[str] = mapped_column(Id("aut"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    address: Mapped[str | None] = mapped_column(String(500))
    updated_at: Mapped[Created]
    __table_args__ = (
        Index("uq_author_name_email", func.lower(name), func.lower(func.coalesce(email, "")), unique=True),
        Index("ix_author_words", text("to_tsvector('simple', catalogue.plain(name))"), postgresql_using="gin"),
        {"schema": "catalogue"},
    )


class ProductGroup(Base):
    """Products that differ by options only, such as the sizes of a shirt. `options`: [{name, values}], in order."""

    __tablename__ = "product_group"
    __table_args__ = (Index("uq_product_group_handle", "handle", unique=True), {"schema": "catalogue"})
    id: Mapped[str] = mapped_column(Id("grp"), primary_key=True)
    handle: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(300))
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Product(Base):
    """A product. A deleted product is kept for existing orders; its SKU can be reused.

    `option_values`: its values of the options of its group, in their order; no two products of a group have the same.

    Triggers maintain the text search columns `names` and `search`, also when the author or category is renamed.
    """

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint("price_amount >= 0", name="price_amount"),
        Index("uq_product_sku", "sku", unique=True, postgresql_where=ON_SALE),
        Index("ix_product_on_sale", "id", postgresql_where=ON_SALE),
        Index("ix_product_category", "category_id", "id", postgresql_where=ON_SALE),
        Index("ix_product_author", "author_id", "id", postgresql_where=ON_SALE),
        Index("ix_product_kind", "kind", "id", postgresql_where=ON_SALE),
        Index("ix_product_title", "title", "id", postgresql_where=ON_SALE),
        Index("ix_product_price", "price_amount", "id", postgresql_where=ON_SALE),
        Index("ix_product_category_title", "category_id", "title", "id", postgresql_where=ON_SALE),
        Index("ix_product_category_price", "category_id", "price_amount", "id", postgresql_where=ON_SALE),
        Index("ix_product_kind_title", "kind", "title", "id", postgresql_where=ON_SALE),
        Index("ix_product_kind_price", "kind", "price_amount", "id", postgresql_where=ON_SALE),
        Index(
            "ix_product_names", "names", postgresql_using="gin", postgresql_where=ON_SALE, postgresql_with=PENDING_LIST
        ),
        Index(
            "ix_product_search",
            "search",
            postgresql_using="gin",
            postgresql_where=ON_SALE,
            postgresql_with=PENDING_LIST,
        ),
        Index(
            "ix_product_sku_start",
            func.lower(text("sku")),
            postgresql_where=ON_SALE,
            postgresql_ops={"lower(sku)": "text_pattern_ops"},
        ),
        Index("ix_product_isbn", text("(attributes->>'isbn')"), postgresql_where=ON_SALE),
        Index("ix_product_barcode", text("(attributes->>'barcode')"), postgresql_where=HAS_BARCODE),
        CheckConstraint("category_id IS NOT NULL OR deleted_at IS NOT NULL", name="category"),
        CheckConstraint("(group_id IS NULL) = (option_values IS NULL)", name="option_values"),
        CheckConstraint("group_id IS NULL OR deleted_at IS NULL", name="group"),
        Index("uq_product_options", "group_id", "option_values", unique=True, postgresql_where=IN_GROUP),
        Index("ix_product_group", "group_id", "id", postgresql_where=IN_GROUP),
        {"schema": "catalogue"},
    )
    id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32), ForeignKey("catalogue.kind.name"))
    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[str]
    price_amount: Mapped[MinorUnits]
    currency: Mapped[Currency]
    category_id: Mapped[str | None] = mapped_column(Id("cat"), ForeignKey(Category.id))
    author_id: Mapped[str | None] = mapped_column(Id("aut"), ForeignKey(Author.id))
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    group_id: Mapped[str | None] = mapped_column(Id("grp"), ForeignKey(ProductGroup.id))
    option_values: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    deleted_at: Mapped[datetime | None]
    names: Mapped[str] = mapped_column(TSVECTOR, server_default=text("''::tsvector"), deferred=True)
    search: Mapped[str] = mapped_column(TSVECTOR, server_default=text("''::tsvector"), deferred=True)

    category: Mapped[Category | None] = relationship(lazy="joined")
    author: Mapped[Author | None] = relationship(lazy="joined")
