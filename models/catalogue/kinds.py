"""Kinds of products: created, changed, and read to validate products."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.catalogue.kind_input import Attribute, Kinds, validate_kind, with_common
from models.catalogue.tables import Kind, Product
from models.core.errors import Conflict, NotFound
from models.core.quotas import check_quota, lock_name
from settings import settings


class AttributeInUse(Conflict):
    code = "attribute_in_use"


class KindInUse(Conflict):
    code = "kind_in_use"


def select_kinds() -> Select[Kind]:
    """The query for all kinds. The caller orders it."""
    return select(Kind)


def kind_names(session: Session) -> list[str]:
    """The names of all kinds, sorted."""
    return list(session.scalars(select(Kind.name).order_by(Kind.name)))


def read_kinds(session: Session, names: Collection[str] | None = None) -> Kinds:
    """Name → attributes of these kinds, or of all. They are not changed until the transaction ends, so that products
    that are validated by them stay valid."""
    query = select(Kind.name, Kind.attributes).order_by(Kind.name).with_for_update(read=True)
    if names is not None:
        query = query.where(Kind.name.in_(names))
    return {name: with_common(_parsed(attributes)) for name, attributes in session.execute(query)}


def get_kind(session: Session, name: str, *, lock: bool = False) -> Kind:
    """Returns a kind, with `lock` locked for update. Raises NotFound."""
    query = select(Kind).where(Kind.name == name)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    kind = session.scalars(query).one_or_none()
    if kind is None:
        raise NotFound("No such kind.")
    return kind


def create_kind(session: Session, fields: Mapping[str, Any]) -> Kind:
    """Creates a kind {name, title, attributes}. Raises Invalid, and Conflict `name_taken`, `too_many_kinds`."""
    draft = validate_kind(fields)
    lock_name(session, "kinds")
    detail = f"The shop has at most {settings.kinds} kinds of products."
    check_quota(session, select_kinds(), Conflict(detail, code="too_many_kinds", limit=settings.kinds))
    row = draft.model_dump(mode="json", exclude_defaults=True, exclude={"attributes"})
    new = insert(Kind).values(**row, attributes=_plain(draft.attributes)).on_conflict_do_nothing()
    made = session.scalars(new.returning(Kind)).one_or_none()
    if made is None:
        raise Conflict(f"A kind named {draft.name} already exists.", code="name_taken")
    return made


def update_kind(session: Session, kind: Kind, changes: Mapping[str, Any]) -> Kind:
    """Updates `title` and `attributes` of a locked kind, if given.

    An attribute that products on sale have cannot be removed, and goes on accepting what it did. Raises Invalid, and
    Conflict `attribute_in_use` with `attributes`.
    """
    old = {"name": kind.name, "title": kind.title, "attributes": kind.attributes}
    draft = validate_kind({**old, **changes})
    now = {attribute.name: attribute for attribute in with_common(draft.attributes)}
    narrowed = [
        before.name for before in with_common(_parsed(kind.attributes))
        if before.name not in now or not now[before.name].accepts_all_of(before)
    ]  # fmt: skip
    used = [name for name in narrowed if _is_used(session, kind.name, name)]
    if used:
        detail = f"Products of kind {kind.name} have the attributes {', '.join(used)}."
        raise AttributeInUse(detail, attributes=used)
    kind.title, kind.attributes = draft.title, _plain(draft.attributes)
    kind.updated_at = datetime.now(UTC)
    session.flush()
    return kind


def delete_kind(session: Session, kind: Kind) -> None:
    """Deletes a locked kind. Raises Conflict `kind_in_use` with `products` and, of those, `on_sale`.

    Products that were deleted count: orders and reports go on to show them.
    """
    having = select(func.count(), func.count().filter(Product.deleted_at.is_(None))).where(Product.kind == kind.name)
    products, on_sale = session.execute(having).one()
    if products:
        detail = f"There are {products} products of kind {kind.name}, of which {on_sale} are on sale."
        raise KindInUse(detail, products=products, on_sale=on_sale)
    session.delete(kind)
    session.flush()


def _is_used(session: Session, kind: str, attribute: str) -> bool:
    having = select(Product.id).where(Product.kind == kind, Product.deleted_at.is_(None))
    return session.scalar(select(having.where(func.jsonb_exists(Product.attributes, attribute)).exists())) or False


def _parsed(attributes: list[dict[str, Any]]) -> tuple[Attribute, ...]:
    return tuple(Attribute.model_validate(attribute) for attribute in attributes)


def _plain(attributes: tuple[Attribute, ...]) -> list[dict[str, Any]]:
    return [attribute.model_dump(mode="json", exclude_defaults=True) for attribute in attributes]
