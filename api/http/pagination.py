"""Lists: the schema of their pages. `serving/pages.py` reads them."""

from functools import cache
from typing import Any

from flask import g
from marshmallow import Schema as MarshmallowSchema
from marshmallow import fields
from sqlalchemy import Select
from sqlalchemy.orm import Session

from serving import pages
from serving.fields import Schema
from serving.pages import Page, PageArgs, PageQuery, SortKey

__all__ = ["Page", "PageArgs", "PageQuery", "mark_page", "page", "page_of"]


@cache
def page_of(schema: type[MarshmallowSchema]) -> type[Schema]:
    """The schema of a page of such objects."""
    parts = {
        "data": fields.List(fields.Nested(schema), required=True),
        "has_more": fields.Boolean(required=True),
        "next_cursor": fields.String(required=True, allow_none=True),
    }
    return Schema.from_dict(parts, name=f"{schema.__name__}Page")  # type: ignore[return-value, arg-type]


def page(session: Session, query: Select[*tuple[Any, ...]], *keys: SortKey, limit: int, cursor: str | None) -> Page:
    """One page of a query, as `serving.pages.page`, which is the answer to the present request."""
    mark_page()
    return pages.page(session, query, *keys, limit=limit, cursor=cursor)


def mark_page() -> None:
    """The answer to the present request is a page: one longer than SHOP_ANSWER_BYTES is refused (request_hooks.py)."""
    g.is_page = True
