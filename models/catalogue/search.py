"""What everybody sees of the catalogue: products with what is available of them, ready to be sent.

PostgreSQL writes the JSON of a product: a third of the cost of making objects of rows and text of objects.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

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
"""Name → the column that is sorted by, its type and direction; the id breaks ties in the same direction."""
RANKED = 100
"""Of so many products that match a search the relevance is computed; the others follow, newest first."""
UNRANKED = -1
"""What those others have in the place of a relevance."""
_PRODUCT = re.compile("prd_[0-9a-f]{32}")


@dataclass(frozen=True)
class Wanted:
    """A page of products: filters as they are in the query of `GET /v1/products`, and behind which product it begins.

    `after` holds a `Shown.place`.
    """

    sort: str = "-created_at"
    limit: int = 20
    filters: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Shown:
    """A product as JSON, its place in the list, and whether there is more than what is ranked."""

    json: str
    place: tuple[Any, str]
    more: bool


_JSON = """
    json_build_object(
        'id', 'prd_' || translate(product.id::text, '-', ''), 'sku', sku, 'kind', kind, 'title', product.title,
        'description', description, 'price', json_build_object('amount', product.price_amount, 'currency', currency),
        'category', json_build_object('id', 'cat_' || translate(category.id::text, '-', ''), 'name', category.name),
        'author', CASE WHEN author.id IS NOT NULL THEN json_build_object(
            'id', 'aut_' || translate(author.id::text, '-', ''), 'name', author.name) END,
        'attributes', attributes,
        'availability', json_build_object('available', pieces, 'in_stock', pieces > 0),
        'created_at', to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(product.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )::text
"""  # connections are in UTC
_JOINED = """
    JOIN catalogue.category ON category.id = product.category_id
    LEFT JOIN catalogue.author ON author.id = product.author_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(on_hand - reserved), 0)::bigint AS pieces
        FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = stock.warehouse_id AND status = 'active'
        WHERE stock.product_id = product.id
    ) AS available
"""
_ONE = f"""
    SELECT {_JSON} AS json, to_char(product.updated_at, 'YYYYMMDDHH24MISSUS') || '.' || pieces AS version
    FROM catalogue.product {_JOINED}
    WHERE product.id = %(id)s AND deleted_at IS NULL
"""  # noqa: S608, our own words
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
    """A product on sale as JSON, and the version that this is. One statement. Raises NotFound.

    With a `session`, as its transaction sees the product.
    """
    values = {"id": UUID(product_id.removeprefix("prd_"))}
    if session is None:
        found = readonly.rows(_ONE, values, plan_each=False)
    else:
        session.flush()
        found = list(session.connection().exec_driver_sql(_ONE, values).all())
    if not found:
        raise NotFound("There is no such product.")
    return found[0].json, found[0].version


def list_products(wanted: Wanted) -> list[Shown]:
    """The products of a page, and one more if there are more.

    One statement; one more to find an author, or a category with those below it; and one more where a search goes
    beyond the products that are ranked.
    """
    values = _values(wanted.filters)
    if values is None or (wanted.sort == "relevance" and not values.keys() & {"id", "words"}):
        return []
    sort = "-created_at" if "id" in values and wanted.sort == "relevance" else wanted.sort
    if sort != "relevance":
        return _page(sort, values, wanted.limit + 1, wanted.after)
    found: list[Shown] = []
    after = wanted.after
    if after is None or after[0] != UNRANKED:
        found = _page(sort, values, wanted.limit + 1, after)
        if len(found) > wanted.limit or not (found[0].more if found else after):
            return found
        after = None
    return found + _page("unranked", values, wanted.limit + 1 - len(found), after)


def _page(sort: str, values: dict[str, Any], limit: int, after: tuple[Any, ...] | None) -> list[Shown]:
    shape = frozenset(name for name in values if name in _FILTERS)
    if after is not None:
        values = values | {"after": after[0], "after_id": after[-1]}
    # Words alone are looked for in their indexes, whichever they are; to plan that took longer than to do it.
    plan_each = bool(shape - {"words"} if sort == "relevance" else shape)
    rows = readonly.rows(_listing(shape, sort, limit, after is not None), values, plan_each=plan_each)
    return [Shown(row.json, (row.key, str(row.id)), row.more) for row in rows]


def _values(filters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values by which a listing is narrowed, named as in `_FILTERS`; None if nothing can be found."""
    values = {name: filters[name] for name in ("kind", "price_min", "price_max") if filters.get(name) is not None}
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
    """The words that are asked for, as PostgreSQL's text search writes them: the last one as a beginning (`words`),
    and all as they are (`whole`), which is what stands before one word more. None where there is no word."""
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
def _listing(shape: frozenset[str], sort: str, limit: int, goes_on: bool) -> str:
    """The statement of a page. The limit stands in it, for a plan made without its value would be a bad one."""
    key, kind, direction = SORTS["-created_at" if sort == "unranked" else sort]
    narrowed = ["deleted_at IS NULL", *(_FILTERS[name] for name in sorted(shape - {"words"}))]
    source, conditions, ranked, more = "catalogue.product", narrowed, "", "false"
    if sort in ("relevance", "unranked"):
        ranked = _ranked(" AND ".join(narrowed))
    if sort == "relevance":
        source, conditions, more = "ranked", [], f"(SELECT count(*) >= {RANKED} FROM ranked)"  # noqa: S608
    elif "words" in shape:
        conditions = [*narrowed, _FILTERS["words"]]
    if sort == "unranked":
        conditions = [*conditions, "id NOT IN (SELECT id FROM ranked)"]
    sign = "<" if direction == "DESC" else ">"
    if key == "id":
        keys, behind, order = f"{UNRANKED} AS key, id", f"id {sign} %(after_id)s::uuid", f"id {direction}"
    else:
        keys, behind = f"{key} AS key, id", f"({key}, id) {sign} (%(after)s::{kind}, %(after_id)s::uuid)"
        order = f"{key} {direction}, id {direction}"
    if goes_on:
        conditions = [*conditions, behind]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"""
        {ranked}
        SELECT {_JSON} AS json, chosen.key, chosen.id, {more} AS more
        FROM (SELECT {keys} FROM {source} {where} ORDER BY {order} LIMIT {limit}) AS chosen
        JOIN catalogue.product ON product.id = chosen.id {_JOINED}
        ORDER BY chosen.key {direction}, chosen.id {direction}
    """  # noqa: S608, our own words


def _ranked(narrowed: str) -> str:
    """The candidates with their relevance: what is called just so, then matches by title, author or category, by
    the start of the SKU, and those for which the description must help.

    Whole words are looked for before beginnings, and each further kind of match only where those before it are too
    few: to find all that begins like a common word costs several times what the word itself does.
    """
    words, whole = "%(words)s::tsquery", "%(whole)s::tsquery"
    relevance = f"(1000000 * ts_rank(search, {words}))::bigint"
    named = f"{relevance} + CASE WHEN lower(title) = lower(%(q)s) THEN 6000000 ELSE 2000000 END"
    few = f"(SELECT count(*) FROM %s) < {RANKED}"  # noqa: S608
    few_named = f"{few % 'named'} AND {few % 'begun'}"

    def some(relevance: str, condition: str) -> str:
        return f"""MATERIALIZED (
            SELECT id, {relevance} AS relevance FROM catalogue.product WHERE {narrowed} AND {condition} LIMIT {RANKED}
        )"""  # noqa: S608

    return f"""
        WITH named AS {some(named, f"names @@ {whole}")},
        begun AS {some(named, f"names @@ {words} AND {few % 'named'}")},
        described AS {some(relevance, f"search @@ {whole} AND {few_named}")},
        others AS {some(relevance, f"search @@ {words} AND {few_named} AND {few % 'described'}")},
        numbered AS MATERIALIZED (
            SELECT id, CASE WHEN lower(sku) = lower(%(q)s) THEN 8000000 ELSE 1500000 END AS relevance
            FROM catalogue.product WHERE {narrowed}
                -- A range, for which a plan made without the value uses the index: for ^@ it does not.
                AND lower(sku) ~>=~ lower(%(q)s) AND lower(sku) ~<~ (lower(%(q)s) || chr(1114111))
            ORDER BY lower(sku) USING ~<~, id LIMIT {RANKED}
        ), ranked AS MATERIALIZED (
            SELECT id, max(relevance) AS relevance FROM (
                TABLE named UNION ALL TABLE begun UNION ALL TABLE described UNION ALL TABLE others
                UNION ALL TABLE numbered
            ) AS matches GROUP BY id
        )
    """  # noqa: S608, our own words
