"""Bulk creation and update of products, for imports."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session
from uuid6 import uuid7

from models.catalogue.authors import Person, find_or_create_authors
from models.catalogue.categories import find_or_create_categories
from models.catalogue.named_rows import normalise_name
from models.catalogue.product_input import ProductInput
from models.core import event_log
from models.core.errors import Invalid
from models.core.events import ProductChanged

_TYPES = {
    "id": "uuid", "sku": "text", "kind": "text", "title": "text", "description": "text", "price_amount": "bigint",
    "currency": "text", "category_id": "uuid", "author_id": "uuid", "attributes": "jsonb",
}  # fmt: skip
_CHANGING = [name for name in _TYPES if name not in ("id", "sku", "kind")]


def _cols(of: str, names: Sequence[str] = _CHANGING) -> str:
    return ", ".join(f"{of}.{name}" for name in names)


# Unchanged products are neither locked nor passed to the triggers. Sorted by SKU, so that concurrent imports cannot
# deadlock.
_UPSERT = f"""
    WITH given AS (
        SELECT * FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())})
            AS given ({", ".join(_TYPES)})
    ), written AS (
        INSERT INTO catalogue.product AS product ({", ".join(_TYPES)})
        SELECT {_cols("given", list(_TYPES))}
        FROM given LEFT JOIN catalogue.product AS old ON old.sku = given.sku AND old.deleted_at IS NULL
        WHERE old.id IS NULL OR old.kind = given.kind AND ({_cols("old")}) IS DISTINCT FROM ({_cols("given")})
        ORDER BY given.sku
        ON CONFLICT (sku) WHERE deleted_at IS NULL DO UPDATE
        SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGING)}, updated_at = now()
        WHERE product.kind = excluded.kind AND ({_cols("product")}) IS DISTINCT FROM ({_cols("excluded")})
        RETURNING id, sku, xmax = 0 AS created
    )
    SELECT given.sku, coalesce(written.id, old.id) AS id, written.created, old.kind
    FROM given LEFT JOIN written USING (sku)
    LEFT JOIN catalogue.product AS old ON old.sku = given.sku AND old.deleted_at IS NULL
"""  # noqa: S608, constants only; xmax is 0 for inserted rows, which no transaction has locked or updated yet
_OTHERS = "SELECT id, sku, kind FROM catalogue.product WHERE sku = ANY(%(skus)s) AND deleted_at IS NULL"


@dataclass(frozen=True)
class Upserted:
    """The result of a batch: counts, and the id of every product by SKU. `written`: ids of those created or updated.

    `kind_conflicts`: SKU → kind of existing products whose kind differs from the batch. They are not changed.
    """

    created: int
    updated: int
    unchanged: int
    ids: dict[str, str]
    kind_conflicts: dict[str, str]
    written: frozenset[str] = frozenset()


def upsert_products(session: Session, inputs: Sequence[ProductInput]) -> Upserted:
    """Creates products with new SKUs and updates those that differ. Idempotent. Categories and authors are given by
    name and created if missing.

    At most nine statements. Emits `product.changed` for each product that is written. Raises Invalid, without changes,
    if a SKU occurs twice.
    """
    twice = [sku for sku, times in Counter(draft.sku for draft in inputs).items() if times > 1]
    if twice:
        raise Invalid("A SKU occurs more than once.", errors={sku: ["Occurs more than once."] for sku in twice})
    if not inputs:
        return Upserted(0, 0, 0, {}, {})
    connection = session.connection()
    found = connection.exec_driver_sql(_UPSERT, _columns(session, inputs)).all()
    kinds = {draft.sku: draft.kind for draft in inputs}
    ids = {row.sku: row.id for row in found if row.created is not None or row.kind == kinds[row.sku]}
    kind_conflicts = {
        row.sku: row.kind for row in found if row.created is None and row.kind not in (None, kinds[row.sku])
    }
    # Created by concurrent transactions since the statement began.
    missed = [sku for sku in kinds if sku not in ids and sku not in kind_conflicts]
    for row in connection.exec_driver_sql(_OTHERS, {"skus": missed}) if missed else ():
        if row.kind == kinds[row.sku]:
            ids[row.sku] = row.id
        else:
            kind_conflicts[row.sku] = row.kind
    written = [row.created for row in found if row.created is not None]
    created = sum(written)
    unchanged = len(ids) - len(written)
    shown = {sku: f"prd_{product_id.hex}" for sku, product_id in ids.items()}
    changes = {row.sku: "created" if row.created else "updated" for row in found if row.created is not None}
    event_log.emit_all(
        session, [ProductChanged(product_id=shown[sku], sku=sku, change=change) for sku, change in changes.items()]
    )
    written_ids = frozenset(shown[sku] for sku in changes)
    return Upserted(created, len(written) - created, unchanged, shown, kind_conflicts, written_ids)


def _columns(session: Session, inputs: Sequence[ProductInput]) -> dict[str, list[object]]:
    categories = find_or_create_categories(session, {draft.category for draft in inputs})
    authors = find_or_create_authors(session, {_person(draft) for draft in inputs if draft.author})
    places = {name: _uuid(categories[normalise_name(name)]) for name in {draft.category for draft in inputs}}
    same = ("sku", "kind", "title", "description", "price_amount", "currency")
    columns: dict[str, list[object]] = {name: [getattr(draft, name) for draft in inputs] for name in same}
    return columns | {
        "id": [uuid7() for _ in inputs],
        "category_id": [places[draft.category] for draft in inputs],
        "author_id": [_uuid(authors[_person(draft)]) if draft.author else None for draft in inputs],
        "attributes": [json.dumps(draft.attributes) for draft in inputs],
    }


def _uuid(shown: str) -> UUID:
    return UUID(shown[4:])


def _person(draft: ProductInput) -> Person:
    return normalise_name(draft.author or ""), draft.author_email or ""
