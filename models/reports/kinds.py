"""The kinds of reports. A new kind is a declaration in `stock_kinds.py` or `sales_kinds.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

CellType = Literal["text", "date", "integer", "money", "number", "share", "flag"]
SQL_TYPES: dict[CellType, str] = {
    "text": "text", "date": "date", "integer": "bigint", "money": "numeric", "number": "numeric", "share": "numeric",
    "flag": "boolean",
}  # fmt: skip

ID = "'{prefix}_' || replace({column}::text, '-', '')"


@dataclass(frozen=True)
class Column:
    """A column of a report. `money` is in minor units, `share` a part of one; `title`: what people call it."""

    name: str
    type: CellType
    title: str


@dataclass(frozen=True)
class Chart:
    """A chart of a report: bars or lines of `value` for each `label`, both SQL expressions over the columns.

    `series`: an expression for the line that a point belongs to. `order`: which bars are shown, the first `limit`.
    """

    title: str
    style: Literal["bars", "lines"]
    label: str
    value: str
    type: CellType = "integer"
    series: str = "NULL"
    where: str = "true"
    order: str = "value DESC, label"
    limit: int = 12


@dataclass(frozen=True)
class Kind:
    """A kind of report.

    `period`: the default one. `slicing`: what it is written by: ranges of products, days, or all at once. `rows`: the
    query for the lines of a slice, ordered by `order`. `totals`: name → SQL expression over all lines, of `types`.
    `group`: the column by which they are listed as well. `where`: the lines that totals and groups count.
    """

    name: str
    title: str
    period: timedelta
    slicing: Literal["products", "days", "once"]
    columns: tuple[Column, ...]
    rows: str
    order: str
    totals: dict[str, tuple[CellType, str]]
    group: str
    group_title: str
    charts: Sequence[Chart] = ()
    where: str = "true"
    options: tuple[str, ...] = ("warehouse_id",)


DAY = timedelta(days=1)
SLICE = "{table}.product_id >= :first AND (CAST(:last AS uuid) IS NULL OR {table}.product_id < :last)"
PRODUCT = (Column("product_id", "text", "Product id"), Column("sku", "text", "SKU"), Column("title", "text", "Title"))
KIND = Column("kind", "text", "Kind")
WAREHOUSE = (Column("warehouse", "text", "Warehouse"), Column("warehouse_id", "text", "Warehouse id"))
PRODUCT_ID = ID.format(prefix="prd", column="product.id")
WAREHOUSE_ID = ID.format(prefix="wh", column="warehouse.id")
HERE = "(CAST(:warehouse_id AS uuid) IS NULL OR {table}.warehouse_id = :warehouse_id)"


def total(name: str) -> str:
    """The sum of a column; 0 without lines."""
    return f"coalesce(sum({name}), 0)"
