"""Public reads of the catalogue: products with their availability, as JSON.

PostgreSQL builds the JSON, at a third of the cost of doing so in Python.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.catalogue.product_json import JOINED, JOINED_TO_GROUPS, JSON, JSON_OF_GROUPS, JSON_OF_ONE, MEMBERS
from models.core import readonly
from models.core.errors import NotFound

SORTS = {
    "created_at": ("id", "uuid", "ASC"),  # a UUIDv7 sorts by time
    "-created_at": ("id", "uuid", "DESC"),
    "title": ("title", "text", "ASC"),
    "-title": ("title", "text", "DESC"),
    "price": ("price_amount", "bigint", "ASC"),
    "-price": ("price_amount", "bigint", "DESC"),
    "relevance": ("relevance", "bigint", "DESC"),
}
"""Name → column, type and direction. Ties are broken by id in the same direction."""
MAX_RANKED = 100
"""Number of matches that are ranked by relevance; the others follow, newest first."""
UNRANKED = -1
"""The relevance of unranked matches in cursors."""
_PRODUCT = re.compile("prd_[0-9a-f]{32}")


@dataclass(frozen=True)
class ListQuery:
    """A query for a page of products. `filters` are the query parameters of `GET /v1/products`.

    `after`: the `ListedProduct.position` after which the page begins. `is_grouped`: of the products of a group that
    match, only the first one in the sort order is listed.
    """

    sort: str = "-created_at"
    limit: int = 20
    filters: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[Any, ...] | None = None
    is_grouped: bool = False


@dataclass(frozen=True)
class ListedProduct:
    """A product as JSON, its position in the list, and whether there are unranked matches."""

    json: str
    position: tuple[Any, str]
    more: bool


_ONE = f"""
    SELECT {JSON_OF_ONE} AS json, to_char(product.updated_at, 'YYYYMMDDHH24MISSUS') AS stored
    FROM catalogue.product {JOINED}
    WHERE product.id = %(id)s AND deleted_at IS NULL
"""  # noqa: S608, constants only
_MEMBERS = f"SELECT members FROM catalogue.product_group, LATERAL ({MEMBERS}) AS siblings WHERE id = %(id)s"  # noqa: S608
_GROUPS = """
    WITH RECURSIVE tree AS (
        SELECT id FROM catalogue.category WHERE id = %(category_id)s OR lower(name) = lower(%(category)s)
        UNION SELECT child.id FROM catalogue.category AS child JOIN tree ON child.parent_id = tree.id
    )
    SELECT ARRAY(SELECT id FROM tree) AS category, ARRAY(
        SELECT id FROM catalogue.author WHERE id = %(author_id)s OR lower(name) = lower(%(author)s)
    ) AS author
"""
_SELLABLE = """EXISTS (
    SELECT FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = stock.warehouse_id AND status = 'active'
    WHERE stock.product_id = product.id AND sellable)"""
_FILTERS = {
    "id": "id = %(id)s",
    "group_id": "group_id = %(group_id)s",
    "one_category": "category_id = %(one_category)s",
    "category": "category_id = ANY(%(category)s)",
    "one_author": "author_id = %(one_author)s",
    "author": "author_id = ANY(%(author)s)",
    "kind": "kind = %(kind)s",
    "price_min": "price_amount >= %(price_min)s",
    "price_max": "price_amount <= %(price_max)s",
    "in_stock": _SELLABLE,
    "sold_out": f"NOT {_SELLABLE}",
    "words": "search @@ %(words)s::tsquery",
}


def read_product(product_id: str, session: Session | None = None) -> tuple[str, str]:
    """Returns a product on sale as JSON, and its version. One statement. Raises NotFound.

    With `session`, reads in its transaction.
    """
    values = {"id": UUID(product_id.removeprefix("prd_"))}
    if session is None:
        found = readonly.rows(_ONE, values, plan_each=False)
    else:
        session.flush()
        found = list(session.connection().exec_driver_sql(_ONE, values).all())
    if not found:
        raise NotFound("No such product.")
    beside = blake2b(found[0].json.encode(), digest_size=8).hexdigest()
    return found[0].json, f"{found[0].stored}.{beside}"


def read_members(session: Session, group_id: str) -> list[dict[str, Any]]:
    """The products of a group as JSON, in the order of their creation."""
    session.flush()
    values = {"id": UUID(group_id.removeprefix("grp_"))}
    members: list[dict[str, Any]] = session.connection().exec_driver_sql(_MEMBERS, values).scalar_one()
    return members


def list_products(wanted: ListQuery) -> list[ListedProduct]:
    """Returns the products of a page, plus one if there are more.

    One statement; another one to resolve an author or a category with its subcategories; and another one if a search
    continues beyond the ranked matches.
    """
    values = _values(wanted.filters)
    if values is None or (wanted.sort == "relevance" and not values.keys() & {"id", "words"}):
        return []
    sort = "-created_at" if "id" in values and wanted.sort == "relevance" else wanted.sort
    grouped = wanted.is_grouped
    if sort != "relevance":
        return _page(sort, values, wanted.limit + 1, wanted.after, grouped)
    found: list[ListedProduct] = []
    after = wanted.after
    if after is None or after[0] != UNRANKED:
        found = _page(sort, values, wanted.limit + 1, after, grouped)
        if len(found) > wanted.limit or not (found[0].more if found else after):
            return found
        after = None
    return found + _page("unranked", values, wanted.limit + 1 - len(found), after, grouped)


def _page(
    sort: str, values: dict[str, Any], limit: int, after: tuple[Any, ...] | None, grouped: bool
) -> list[ListedProduct]:
    shape = frozenset(name for name in values if name in _FILTERS)
    if after is not None:
        values = values | {"after": after[0], "after_id": after[-1]}
    # A search for words only always uses their indexes; planning it would take longer than running it.
    plan_each = bool(shape - {"words"} if sort == "relevance" else shape)
    rows = readonly.rows(_listing(shape, sort, limit, after is not None, grouped), values, plan_each=plan_each)
    return [ListedProduct(row.json, (row.key, str(row.id)), row.more) for row in rows]


def _values(filters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values of the filters, named as in `_FILTERS`; None if nothing can match."""
    values = {name: filters[name] for name in ("kind", "price_min", "price_max") if filters.get(name) is not None}
    if filters.get("group_id") is not None:
        values["group_id"] = UUID(filters["group_id"][4:])
    q = filters.get("q")
    if q is not None:
        found = {"id": UUID(q[4:])} if _PRODUCT.fullmatch(q) else _words(q)
        if found is None:
            return None
        values |= found
    if filters.get("in_stock") is not None:
        values["in_stock" if filters["in_stock"] else "sold_out"] = True
    groups = {name: filters[name] for name in ("category", "author") if filters.get(name) is not None}
    if groups:
        found = _group_ids(groups)
        for name in groups:
            ids = getattr(found, name)
            if not ids:
                return None
            values |= {f"one_{name}": ids[0]} if len(ids) == 1 else {name: ids}
    return values


@lru_cache(10_000)
def _words(q: str) -> dict[str, str] | None:
    """Parses a search into tsquery texts: `words` with the last word as a prefix, `whole` with complete words only, as
    if another word followed. None if there are no words."""
    asked = "SELECT catalogue.wanted(%(q)s)::text AS words, catalogue.wanted(%(q)s || ' x')::text AS whole"
    found = readonly.rows(asked, {"q": q}, plan_each=False)[0]
    return {"q": q, "words": found.words, "whole": found.whole.removesuffix(" & 'x':*")} if found.words else None


def _group_ids(groups: Mapping[str, str]) -> Any:
    asked: dict[str, Any] = dict.fromkeys(("category", "category_id", "author", "author_id"))
    for name, given in groups.items():
        is_id = re.fullmatch(f"{name[:3]}_[0-9a-f]{{32}}", given)
        asked |= {f"{name}_id": UUID(given[4:])} if is_id else {name: given}
    return readonly.rows(_GROUPS, asked, plan_each=False)[0]


@lru_cache(1000)
def _listing(shape: frozenset[str], sort: str, limit: int, has_cursor: bool, grouped: bool) -> str:
    """The statement of a page. The limit is a literal, because the planner needs its value."""
    key, kind, direction = SORTS["-created_at" if sort == "unranked" else sort]
    filtered = ["deleted_at IS NULL", *(_FILTERS[name] for name in sorted(shape - {"words"}))]
    source, conditions, ranked, more = "catalogue.product", filtered, "", "false"
    if sort in ("relevance", "unranked"):
        ranked = _ranked(" AND ".join(filtered))
    if sort == "relevance":
        source, conditions = _FIRST_RANKED if grouped else "ranked", []
        more = f"(SELECT count(*) >= {MAX_RANKED} FROM ranked)"  # noqa: S608
    elif "words" in shape:
        conditions = [*filtered, _FILTERS["words"]]
    if grouped and sort != "relevance":
        conditions = [*conditions, _is_first(conditions, key, direction)]
    if sort == "unranked":
        conditions = [*conditions, "id NOT IN (SELECT id FROM ranked)", *([_NOT_RANKED] if grouped else [])]
    sign = "<" if direction == "DESC" else ">"
    if key == "id":
        keys, behind, order = f"{UNRANKED} AS key, id", f"id {sign} %(after_id)s::uuid", f"id {direction}"
    else:
        keys, behind = f"{key} AS key, id", f"({key}, id) {sign} (%(after)s::{kind}, %(after_id)s::uuid)"
        order = f"{key} {direction}, id {direction}"
    if has_cursor:
        conditions = [*conditions, behind]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    shown, joined = (JSON_OF_GROUPS, JOINED_TO_GROUPS) if grouped else (JSON, JOINED)
    return f"""
        {ranked}
        SELECT {shown} AS json, chosen.key, chosen.id, {more} AS more
        FROM (SELECT {keys} FROM {source} {where} ORDER BY {order} LIMIT {limit}) AS chosen
        JOIN catalogue.product ON product.id = chosen.id {joined}
        ORDER BY chosen.key {direction}, chosen.id {direction}
    """  # noqa: S608, constants only


def _is_first(conditions: list[str], key: str, direction: str) -> str:
    """Whether no other product of the group that matches the conditions comes before a product.

    A property of the row, so that pages need to know nothing of each other. OFFSET keeps the planner from reading all
    products first: siblings are few, and have an index.
    """
    before = ">" if direction == "DESC" else "<"
    matches = " AND ".join(conditions).replace("product.id", "other.id")
    columns = ("id",) if key == "id" else (key, "id")
    own, others = (", ".join(f"{table}.{column}" for column in columns) for table in ("product", "other"))
    return f"""NOT EXISTS (
        SELECT FROM catalogue.product AS other
        WHERE other.group_id = product.group_id AND ({others}) {before} ({own}) AND {matches} OFFSET 0
    )"""


_FIRST_RANKED = """(
    SELECT DISTINCT ON (coalesce(group_id, ranked.id)) ranked.id, relevance
    FROM ranked JOIN catalogue.product ON product.id = ranked.id
    ORDER BY coalesce(group_id, ranked.id), relevance DESC, ranked.id DESC
) AS first"""
_NOT_RANKED = """(group_id IS NULL OR group_id NOT IN (
    SELECT group_id FROM catalogue.product JOIN ranked USING (id) WHERE group_id IS NOT NULL))"""


def _ranked(filtered: str) -> str:
    """The CTEs that rank candidates: exact titles, then matches by title, author or category, by SKU prefix, and by
    description.

    Complete words are searched before prefixes, and each further kind of match only if there are too few before it:
    finding all products with a common prefix costs several times as much as finding the word itself.
    """
    words, whole = "%(words)s::tsquery", "%(whole)s::tsquery"
    relevance = f"(1000000 * ts_rank(search, {words}))::bigint"
    named = f"{relevance} + CASE WHEN lower(title) = lower(%(q)s) THEN 6000000 ELSE 2000000 END"
    few = f"(SELECT count(*) FROM %s) < {MAX_RANKED}"  # noqa: S608
    few_named = f"{few % 'named'} AND {few % 'begun'}"

    def some(relevance: str, condition: str) -> str:
        return f"""MATERIALIZED (
            SELECT id, {relevance} AS relevance FROM catalogue.product
            WHERE {filtered} AND {condition} LIMIT {MAX_RANKED}
        )"""  # noqa: S608

    return f"""
        WITH named AS {some(named, f"names @@ {whole}")},
        begun AS {some(named, f"names @@ {words} AND {few % 'named'}")},
        described AS {some(relevance, f"search @@ {whole} AND {few_named}")},
        others AS {some(relevance, f"search @@ {words} AND {few_named} AND {few % 'described'}")},
        numbered AS MATERIALIZED (
            SELECT id, CASE WHEN lower(sku) = lower(%(q)s) THEN 8000000 ELSE 1500000 END AS relevance
            FROM catalogue.product WHERE {filtered}
                -- A range condition, for which a generic plan uses the index; for ^@ it does not.
                AND lower(sku) ~>=~ lower(%(q)s) AND lower(sku) ~<~ (lower(%(q)s) || chr(1114111))
            ORDER BY lower(sku) USING ~<~, id LIMIT {MAX_RANKED}
        ), ranked AS MATERIALIZED (
            SELECT id, max(relevance) AS relevance FROM (
                TABLE named UNION ALL TABLE begun UNION ALL TABLE described UNION ALL TABLE others
                UNION ALL TABLE numbered
            ) AS matches GROUP BY id
        )
    """  # noqa: S608, constants only
