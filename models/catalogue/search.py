"""Public reads of the catalogue: products with their availability, as JSON.

PostgreSQL builds the JSON, at a third of the cost of doing so in Python.
"""

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.catalogue.listing import FILTERS, MATCHES, MAX_RANKED, SORTS, UNRANKED, listing, listing_of_groups
from models.catalogue.product_json import JOINED, JSON, JSON_OF_ONE, MEMBERS
from models.core import readonly
from models.core.errors import NotFound

__all__ = ["SORTS", "ListQuery", "ListedProduct", "list_products", "read_members", "read_product", "read_products"]

_PRODUCT = re.compile("prd_[0-9a-f]{32}")
READ_FIRST, READ_MOST = 8, 2000
"""If groups are shown: products read for each one that is shown, and how many times more at each attempt; at most."""
COMMON = 10_000
"""Words that more products have are common. Below, all products that have them are read and sorted in about 15 ms;
above, a part of the list that has 2,000 of them is read in about 20 ms (100,000 products)."""
COMMON_RANKED = {"named": 0.5, "begun": 0.5, "described": 1.0, "others": 1.0}
"""The same for the kinds of match of which only the newest `MAX_RANKED` are read: how many times √(products x
`MAX_RANKED`). There, products read in order are about as many as matches. A longer text takes longer to compare."""
ESTIMATES_LAST = 300
"""How long estimates are kept, in seconds. Old ones cost time, never a match."""
Position = tuple[Any, ...]


@dataclass(frozen=True)
class ListQuery:
    """A query for a page of products. `filters` are the query parameters of `GET /v1/products`.

    `after`: the `ListedProduct.position` after which the page begins. `is_grouped`: of the products of a group that
    match, only the first one in the sort order is listed.
    """

    sort: str = "-created_at"
    limit: int = 20
    filters: Mapping[str, Any] = field(default_factory=dict)
    after: Position | None = None
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
_MANY = f"SELECT {JSON} AS json FROM catalogue.product {JOINED} WHERE product.id = ANY(%(ids)s)"  # noqa: S608
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


def read_products(product_ids: Iterable[str]) -> list[str]:
    """Returns products as JSON, in no order, each with its first picture. One statement.

    Products that are no longer sold are among them; ids of none are left out.
    """
    ids = [UUID(product_id.removeprefix("prd_")) for product_id in product_ids]
    return [row.json for row in readonly.rows(_MANY, {"ids": ids}, plan_each=False)] if ids else []


def read_members(session: Session, group_id: str) -> list[dict[str, Any]]:
    """The products of a group as JSON, in the order of their creation."""
    session.flush()
    values = {"id": UUID(group_id.removeprefix("grp_"))}
    members: list[dict[str, Any]] = session.connection().exec_driver_sql(_MEMBERS, values).scalar_one()
    return members


def list_products(wanted: ListQuery) -> list[ListedProduct]:
    """Returns the products of a page, plus one if there are more.

    One statement; another one to resolve an author or a category with its subcategories; and another one if a search
    continues beyond the ranked matches. Words that are new to this process take two more.
    """
    values = _values(wanted.filters)
    if values is None or (wanted.sort == "relevance" and not values.keys() & {"id", "words"}):
        return []
    sort = "-created_at" if "id" in values and wanted.sort == "relevance" else wanted.sort
    cut = _page_of_groups if wanted.is_grouped else _page
    if sort != "relevance":
        return cut(sort, values, wanted.limit + 1, wanted.after)
    found: list[ListedProduct] = []
    after = wanted.after
    if after is None or after[0] != UNRANKED:
        found = cut(sort, values, wanted.limit + 1, after)
        if len(found) > wanted.limit or not (found[0].more if found else after):
            return found
        after = None
    return found + cut("unranked", values, wanted.limit + 1 - len(found), after)


def _page(sort: str, values: dict[str, Any], limit: int, after: Position | None) -> list[ListedProduct]:
    shape = frozenset(name for name in values if name in FILTERS)
    statement = listing(shape, sort, limit, after is not None, _common(sort, values, grouped=False))
    rows = _rows(statement, sort, shape, values, after)
    return [ListedProduct(row.json, (row.key, str(row.id)), row.more) for row in rows]


def _page_of_groups(sort: str, values: dict[str, Any], limit: int, after: Position | None) -> list[ListedProduct]:
    """A page with one product of each group. Reads on, more at a time, until it is full or the list ends."""
    shape = frozenset(name for name in values if name in FILTERS)
    common = _common(sort, values, grouped=True)
    found: list[ListedProduct] = []
    most = READ_FIRST * limit
    while len(found) < limit:
        statement = listing_of_groups(shape, sort, limit, most, after is not None, common)
        rows = _rows(statement, sort, shape, values, after)
        found += [ListedProduct(row.json, (row.key, str(row.id)), row.more) for row in rows if row.id is not None]
        if not rows or rows[0].number < most:
            break
        after, most = (rows[0].last_key, str(rows[0].last_id)), min(READ_FIRST * most, READ_MOST)
    return found[:limit]


def _common(sort: str, values: Mapping[str, Any], *, grouped: bool) -> frozenset[str]:
    """The kinds of match that are ranked, and `words` if it is a condition, that many products have."""
    if "words" not in values:
        return frozenset()
    products, matches = _estimates(values["words"], values["whole"], int(time.monotonic() / ESTIMATES_LAST))
    kinds = set()
    if sort in ("relevance", "unranked"):
        is_filtered = not values.keys().isdisjoint(FILTERS.keys() - {"words"})  # then more have to be read in order
        many = math.sqrt(products * MAX_RANKED) * (2 if is_filtered else 1)
        kinds = {kind for kind, rows in matches.items() if rows >= many * COMMON_RANKED[kind]}
    return frozenset(kinds | {"words"} if grouped and matches["others"] >= COMMON else kinds)


_SOME = "ARRAY(SELECT id FROM catalogue.product WHERE deleted_at IS NULL AND {})"
_ESTIMATES = f"EXPLAIN (FORMAT JSON) SELECT {', '.join(_SOME.format(some) for some in ('true', *MATCHES.values()))}"
"""Subqueries, because each of them stays one plan, whether PostgreSQL would run it by several processes or not."""


@lru_cache(10_000)
def _estimates(words: str, whole: str, _: int) -> tuple[int, dict[str, int]]:
    """PostgreSQL's estimates of the number of products, and of the matches of each kind.

    They take half a millisecond, where counting takes up to 30, and are within a factor of two (100,000 products)."""
    return _read_estimates(readonly.rows(_ESTIMATES, {"words": words, "whole": whole}, plan_each=True)[0][0])


def _read_estimates(explained: Any) -> tuple[int, dict[str, int]]:
    products, named, begun, described, others = (int(part["Plan Rows"]) for part in explained[0]["Plan"]["Plans"])
    # A complete word has several forms, each of which is estimated; all but few of its matches have the prefix, too.
    estimates = (min(named, begun), begun, min(described, others), others)
    return products, dict(zip(MATCHES, estimates, strict=True))


def _rows(
    statement: str, sort: str, shape: frozenset[str], values: dict[str, Any], after: Position | None
) -> Sequence[Any]:
    if after is not None:
        values = values | {"after": after[0], "after_id": after[-1]}
    # A search for words only always uses their indexes; planning it would take longer than running it.
    plan_each = bool(shape - {"words"} if sort == "relevance" else shape)
    return readonly.rows(statement, values, plan_each=plan_each)


def _values(filters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values of the filters, named as in `FILTERS`; None if nothing can match."""
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
