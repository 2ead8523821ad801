"""Many products at once, for imports."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.catalogue.drafts import Draft
from models.catalogue.groups import Person, find_or_create_authors, find_or_create_categories, tidy
from models.catalogue.tables import ON_SALE, Product
from models.database import new_id
from models.errors import Invalid

_CHANGING = (
    "title", "description", "price_amount", "currency", "category_id", "author_id", "attributes",
)  # fmt: skip


@dataclass(frozen=True)
class Upserted:
    """What became of a batch: counts of rows, and the id of every product in it by its SKU."""

    created: int
    updated: int
    unchanged: int
    ids: dict[str, str]


def upsert_products(session: Session, drafts: Sequence[Draft]) -> Upserted:
    """Creates the products that are not there, by SKU, and changes those that differ; the same batch again
    changes nothing. Categories and authors are named, not given by id, and made where they are missing.

    A statement per thousand rows and seven more. Raises Invalid, with nothing done, if a SKU comes
    twice or would change its kind.
    """
    twice = [sku for sku, times in Counter(draft.sku for draft in drafts).items() if times > 1]
    if twice:
        raise Invalid("A SKU comes twice.", errors={sku: ["Comes twice."] for sku in twice})
    if not drafts:
        return Upserted(0, 0, 0, {})
    rows = _rows(session, drafts)
    new = insert(Product)
    differs = or_(*(getattr(Product, name).is_distinct_from(new.excluded[name]) for name in _CHANGING))
    upsert: Any = new.on_conflict_do_update(
        index_elements=["sku"],
        index_where=ON_SALE,
        set_={name: new.excluded[name] for name in _CHANGING} | {"updated_at": func.now()},
        where=differs,
    ).returning(literal_column("xmax = 0"))  # an inserted row has been locked or changed by nobody yet
    written = session.connection().execute(upsert, rows).scalars().all()
    created = sum(written)
    return Upserted(created, len(written) - created, len(rows) - len(written), _ids(session, drafts))


def _rows(session: Session, drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    categories = find_or_create_categories(session, (draft.category for draft in drafts))
    authors = find_or_create_authors(session, (_person(draft) for draft in drafts if draft.author))
    rows = []
    for draft in sorted(drafts, key=lambda draft: draft.sku):  # sorted, so that two imports can't deadlock
        fields = draft.model_dump(exclude={"category", "author", "author_email"})
        fields["category_id"] = categories[tidy(draft.category)]
        fields["author_id"] = authors[_person(draft)] if draft.author else None
        rows.append({"id": new_id("prd"), **fields})
    return rows


def _person(draft: Draft) -> Person:
    return tidy(draft.author or ""), draft.author_email or ""


def _ids(session: Session, drafts: Sequence[Draft]) -> dict[str, str]:
    kinds = {draft.sku: draft.kind for draft in drafts}
    query = select(Product.sku, Product.id, Product.kind).where(Product.sku.in_(kinds), Product.deleted_at.is_(None))
    found = session.execute(query).all()
    wrong = {row.sku: [f"Is of kind {row.kind} already."] for row in found if row.kind != kinds[row.sku]}
    if wrong:
        raise Invalid("A product can't change its kind.", errors=wrong)
    return {row.sku: row.id for row in found}
