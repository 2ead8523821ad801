"""The statements of lists and searches of products."""

from dataclasses import dataclass
from functools import lru_cache

from models.catalogue.product_json import JOINED, JOINED_TO_GROUPS, JSON, JSON_OF_GROUPS

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
"""Number of matches of each kind that are ranked by relevance: the newest ones. The others follow, newest first."""
UNRANKED = -1
"""The relevance of unranked matches in cursors."""
_SELLABLE = """EXISTS (
    SELECT FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = stock.warehouse_id AND status = 'active'
    WHERE stock.product_id = product.id AND sellable)"""
FILTERS = {
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

MATCHES = {
    "named": "names @@ %(whole)s::tsquery",
    "begun": "names @@ %(words)s::tsquery",
    "described": "search @@ %(whole)s::tsquery",
    "others": "search @@ %(words)s::tsquery",
}
"""Kind of match → condition. `names` has the words of the title, the author and the category; `search` all words."""

_OF_GROUPS = "(SELECT id, relevance, group_id FROM ranked JOIN catalogue.product USING (id)) AS {}"
_NOT_RANKED = """(group_id IS NULL OR group_id NOT IN (
    SELECT group_id FROM catalogue.product JOIN ranked USING (id) WHERE group_id IS NOT NULL))"""


def in_order(condition: str) -> str:
    """The condition for words that many products have. An index on words would find them all, to be sorted, where an
    index in the order of the list finds enough of them at once; this condition fits no index on words."""
    return f"coalesce({condition}, false)"


@dataclass(frozen=True)
class _Selection:
    """What pages are cut from: the rows of `source` that match the conditions, in the order of the columns.

    `source` has a place for its alias. `ranked`: the CTEs that it needs; `more`: whether there are unranked matches.
    """

    source: str
    conditions: list[str]
    columns: tuple[str, ...]
    kind: str
    direction: str
    ranked: str = ""
    more: str = "false"

    @property
    def order(self) -> str:
        return f"key {self.direction}, id {self.direction}"

    @property
    def reverse(self) -> str:
        opposite = "ASC" if self.direction == "DESC" else "DESC"
        return f"key {opposite}, id {opposite}"

    def select(self, has_cursor: bool, more_columns: str = "") -> str:
        """The rows with their position, `key` and `id`, after the cursor if there is one."""
        after = [self.behind("", "<" if self.direction == "DESC" else ">")] if has_cursor else []
        conditions = [*self.conditions, *after]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        key = UNRANKED if self.columns == ("id",) else self.columns[0]
        order = ", ".join(f"{column} {self.direction}" for column in self.columns)
        selected = f"SELECT {key} AS key, id{more_columns} FROM {self.source.format('product')}"  # noqa: S608
        return f"{selected} {where} ORDER BY {order}"

    def behind(self, table: str, sign: str) -> str:
        """Compares the position of a row with the cursor."""
        if self.columns == ("id",):
            return f"{table}id {sign} %(after_id)s::uuid"
        return f"({table}{self.columns[0]}, {table}id) {sign} (%(after)s::{self.kind}, %(after_id)s::uuid)"


@lru_cache(1000)
def listing(
    shape: frozenset[str], sort: str, limit: int, has_cursor: bool, common: frozenset[str] = frozenset()
) -> str:  # fmt: skip
    """The statement of a page. The limit is a literal, because the planner needs its value.

    `common`: the kinds of match, and `words` if it is a filter, that many products have.
    """
    chosen = _selection(shape, sort, common, grouped=False)
    return f"""
        {chosen.ranked and f"WITH {chosen.ranked}"}
        SELECT {JSON} AS json, chosen.key, chosen.id, {chosen.more} AS more
        FROM ({chosen.select(has_cursor)} LIMIT {limit}) AS chosen
        JOIN catalogue.product ON product.id = chosen.id {JOINED}
        ORDER BY chosen.key {chosen.direction}, chosen.id {chosen.direction}
    """  # noqa: S608, constants only


@lru_cache(1000)
def listing_of_groups(
    shape: frozenset[str], sort: str, limit: int, most: int, has_cursor: bool, common: frozenset[str] = frozenset()
) -> str:  # fmt: skip
    """The statement of a page that has one product of each group: the first of those that match.

    Reads at most `most` products after the cursor. Of each group among them, the first one is chosen, unless another
    one is before the cursor. Each row has also `number`, how many were read, and `last_key` and `last_id`, the
    position of the last of them; if none is chosen, there is one row, without `id`. `common`: as in `listing`.
    """
    chosen = _selection(shape, sort, common, grouped=True)
    where = f"WHERE {_none_before(chosen)}" if has_cursor else ""
    return f"""
        WITH {chosen.ranked and f"{chosen.ranked},"}
        read AS MATERIALIZED ({chosen.select(has_cursor, ", group_id")} LIMIT {most}),
        chosen AS MATERIALIZED (
            SELECT key, id FROM (
                SELECT * FROM (
                    SELECT DISTINCT ON (coalesce(group_id, id)) key, id, group_id
                    FROM read ORDER BY coalesce(group_id, id), {chosen.order}
                ) AS first_read ORDER BY {chosen.order}
            ) AS first_read {where} LIMIT {limit}
        )
        SELECT {JSON_OF_GROUPS} AS json, chosen.key, chosen.id, {chosen.more} AS more, number,
            last.key AS last_key, last.id AS last_id
        FROM (SELECT key, id FROM read ORDER BY {chosen.reverse} LIMIT 1) AS last
        CROSS JOIN (SELECT count(*) AS number FROM read) AS counted
        LEFT JOIN (
            chosen JOIN catalogue.product ON product.id = chosen.id {JOINED_TO_GROUPS}
        ) ON true
        ORDER BY chosen.key {chosen.direction}, chosen.id {chosen.direction}
    """  # noqa: S608, constants only


def _none_before(chosen: _Selection) -> str:
    """Whether no other product of the group that matches is before the cursor. OFFSET keeps the planner from reading
    all products for it: siblings are few, and have an index."""
    matches = [condition.replace("product.id", "other.id") for condition in chosen.conditions]
    before = chosen.behind("other.", ">=" if chosen.direction == "DESC" else "<=")
    conditions = " AND ".join(["other.group_id = first_read.group_id", before, *matches])
    return f"NOT EXISTS (SELECT FROM {chosen.source.format('other')} WHERE {conditions} OFFSET 0)"


def _selection(shape: frozenset[str], sort: str, common: frozenset[str], *, grouped: bool) -> _Selection:
    key, kind, direction = SORTS["-created_at" if sort == "unranked" else sort]
    columns = ("id",) if key == "id" else (key, "id")
    filtered = ["deleted_at IS NULL", *(FILTERS[name] for name in sorted(shape - {"words"}))]
    ranked = _ranked(" AND ".join(filtered), common)
    products = "catalogue.product AS {}"
    if sort == "relevance":
        more = f"(SELECT count(*) >= {MAX_RANKED} FROM ranked)"  # noqa: S608
        source = _OF_GROUPS if grouped else "ranked AS {}"
        return _Selection(source, [], columns, kind, direction, ranked, more)
    words = in_order(FILTERS["words"]) if "words" in common else FILTERS["words"]
    conditions = [*filtered, words] if "words" in shape else filtered
    if sort != "unranked":
        return _Selection(products, conditions, columns, kind, direction)
    conditions = [*conditions, "id NOT IN (SELECT id FROM ranked)", *([_NOT_RANKED] if grouped else [])]
    return _Selection(products, conditions, columns, kind, direction, ranked)


def _ranked(filtered: str, common: frozenset[str]) -> str:
    """The CTEs that rank candidates: exact titles, then matches by title, author or category, by SKU prefix, and by
    description.

    Complete words are searched before prefixes, and each further kind of match only if there are too few before it:
    finding all products with a common prefix costs several times as much as finding the word itself.
    """
    relevance = "(1000000 * ts_rank(search, %(words)s::tsquery))::bigint"
    named = f"{relevance} + CASE WHEN lower(title) = lower(%(q)s) THEN 6000000 ELSE 2000000 END"
    few = f"(SELECT count(*) FROM %s) < {MAX_RANKED}"  # noqa: S608
    few_named = f"{few % 'named'} AND {few % 'begun'}"

    def newest(kind: str, relevance: str, condition: str = "true") -> str:
        """The newest matches of a kind: each page of a search has to rank the same ones, whatever the plan is."""
        match = in_order(MATCHES[kind]) if kind in common else MATCHES[kind]
        fence = "" if kind in common else "OFFSET 0"  # so that the planner does not read products in order of id
        return f"""{kind} AS MATERIALIZED (
            SELECT id, {relevance} AS relevance FROM (
                SELECT id, title, search FROM catalogue.product WHERE {filtered} AND {match} AND {condition} {fence}
            ) AS matches ORDER BY id DESC LIMIT {MAX_RANKED}
        )"""  # noqa: S608

    return f"""
        {newest("named", named)},
        {newest("begun", named, few % "named")},
        {newest("described", relevance, few_named)},
        {newest("others", relevance, f"{few_named} AND {few % 'described'}")},
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
