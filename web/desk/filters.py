"""Filters of lists: they are in the address, and read by the schemas of the API's lists."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError
from sqlalchemy import Select
from sqlalchemy.orm import Session

from serving.pages import Page, PageArgs, SortKey, page
from web.desk.pages import asked

DAYS = ("from", "to")
"""Filters that people give as a day, and the API as a time."""
ROWS = 50

Choose = Callable[..., Select[*tuple[Any, ...]]]
"""Filters → the query of a list."""


@dataclass(frozen=True)
class Filters:
    """`shown`: as they are in the address. `values`: for the query; None: one cannot be read."""

    shown: dict[str, str]
    place: PageArgs
    values: dict[str, Any] | None

    @property
    def is_first(self) -> bool:
        """Whether this is the first page of the list."""
        return self.place["cursor"] is None


def read_filters(schema: Schema, *names: str, shown: dict[str, str] | None = None) -> Filters:
    """The filters of the address with these names, or those that are given, and the place in the list."""
    shown = asked(*names) if shown is None else shown
    cursor = request.args.get("cursor")
    given = {name: _moment(value) if name in DAYS else value for name, value in shown.items()}
    try:
        values = dict(schema.load({**given, "limit": ROWS, **({"cursor": cursor} if cursor else {})}))
    except ValidationError:
        return Filters(shown, {"limit": ROWS, "cursor": None}, None)
    place: PageArgs = {"limit": values.pop("limit"), "cursor": values.pop("cursor")}
    return Filters(shown, place, values)


def read_rows(session: Session, filters: Filters, choose: Choose, *keys: SortKey) -> Page:
    """A page of a list, by these keys; an empty one if a filter cannot be read."""
    if filters.values is None:
        return {"data": [], "has_more": False, "next_cursor": None}
    return page(session, choose(**filters.values), *keys, **filters.place)


def _moment(value: str) -> str:
    return f"{value}T00:00:00Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value
