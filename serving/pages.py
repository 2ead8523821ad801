"""Keyset pagination: every page costs the same, however far into the list."""

from datetime import datetime
from typing import Any, TypedDict

from itsdangerous import BadData, URLSafeSerializer
from marshmallow import fields, validate
from sqlalchemy import ColumnElement, DateTime, Select, and_, literal, or_, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import desc_op

from serving.bounds import invalid
from serving.fields import Pattern, Schema
from settings import settings

SortKey = ColumnElement[Any] | InstrumentedAttribute[Any]


class PageQuery(Schema):
    """The parameters of every list; lists with filters inherit from it."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100), metadata={"description": "Rows per page"})
    cursor = fields.String(
        load_default=None,
        validate=[validate.Length(max=1000), Pattern(r"^[A-Za-z0-9_.-]*$", error="is not a cursor")],
        metadata={"description": "`next_cursor` of the previous page"},
    )


class PageArgs(TypedDict):
    """What PageQuery takes in."""

    limit: int
    cursor: str | None


class Page(TypedDict):
    """What `page_of` shows."""

    data: list[Any]
    has_more: bool
    next_cursor: str | None


def page(session: Session, query: Select[*tuple[Any, ...]], *keys: SortKey, limit: int, cursor: str | None) -> Page:
    """One page of a query; "data" contains the query's rows or entities.

    `keys`: the columns to sort by, each plain or `.desc()`. They must be NOT NULL and unique together (end with the
    id). Raises Invalid for a cursor of another list or another sort order.
    """
    columns = [_column(key) for key in keys]
    serializer = URLSafeSerializer(settings.secret_key, salt="cursor:" + ",".join(map(str, keys)))
    if cursor:
        query = query.where(_after(keys, _values(serializer, cursor, columns)))
    rows = session.execute(query.add_columns(*columns).order_by(*keys).limit(limit + 1)).all()
    shown, has_more = rows[:limit], len(rows) > limit
    width = len(keys)
    return {
        "data": [row[0] if len(row) == width + 1 else row[:-width] for row in shown],
        "has_more": has_more,
        "next_cursor": serializer.dumps([_plain(value) for value in shown[-1][-width:]]) if has_more else None,
    }


def _is_descending(key: SortKey) -> bool:
    return isinstance(key, UnaryExpression) and key.modifier is desc_op


def _column(key: SortKey) -> SortKey:
    return key.element if isinstance(key, UnaryExpression) and key.modifier is not None else key


def _values(serializer: URLSafeSerializer, cursor: str, columns: list[SortKey]) -> list[ColumnElement[Any]]:
    """Decodes a cursor. Cursors are signed, so their contents can be trusted."""
    try:
        values = serializer.loads(cursor)
    except BadData:
        raise invalid({"cursor": ["is not a cursor of this list with this sort order"]}) from None
    return [
        literal(datetime.fromisoformat(value) if isinstance(column.type, DateTime) else value, column.type)
        for column, value in zip(columns, values, strict=True)
    ]


def _after(keys: tuple[SortKey, ...], values: list[ColumnElement[Any]]) -> ColumnElement[bool]:
    """The condition for rows after the last one of the previous page. If all directions are equal, it is one row
    comparison, which an index supports best."""
    columns = [_column(key) for key in keys]
    directions = {_is_descending(key) for key in keys}
    if len(directions) == 1:
        left, right = tuple_(*columns), tuple_(*values)
        return left < right if directions == {True} else left > right
    branches = []
    for index, key in enumerate(keys):
        equal = [columns[i] == values[i] for i in range(index)]
        further = columns[index] < values[index] if _is_descending(key) else columns[index] > values[index]
        branches.append(and_(*equal, further))
    return or_(*branches)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
