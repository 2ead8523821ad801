"""Reads our catalogue CSV: what each line says of a product, checked, and why a line can't be taken."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.catalogue import Draft, check
from models.errors import Invalid
from models.inventory import MAX_LEVEL

COLUMNS = (
    "sku", "kind", "title", "author", "author_email", "category", "published_on", "price", "currency", "stock",
    "reorder_point", "description", "attributes",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One product: what it is, and its opening stock in pieces. `line` is where its row begins in the file."""

    line: int
    draft: Draft
    stock: int
    reorder_point: int | None


@dataclass(frozen=True)
class Refusal:
    """A row that was not taken, and why, in a sentence or two."""

    line: int
    sku: str
    reason: str


class NotACatalogue(Exception):
    """The file is not a CSV of ours; the text is a sentence."""


class _Unfit(Exception):
    """A cell that can't be read."""


def read(lines: Iterable[str]) -> Iterator[Row | Refusal]:
    """Each row after the header, in order, one at a time. Raises NotACatalogue if the header is not ours."""
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise NotACatalogue(f"The first line can't be read: {error}.") from error
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown or len(set(header)) < len(header):
        wrong = f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown)[:200] or 'none'}"
        raise NotACatalogue(f"The columns must be {','.join(COLUMNS)}, in any order ({wrong}).")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refusal(line, "", f"Is no CSV: {error}.")
            continue
        if cells:
            yield _judged(line, header, cells)


def _judged(line: int, header: list[str], cells: list[str]) -> Row | Refusal:
    if len(cells) != len(header):
        return Refusal(line, cells[0][:64], f"Has {len(cells)} columns instead of {len(header)}.")
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    try:
        return Row(
            line,
            check(_fields(row)),
            _count(row, "stock"),
            _count(row, "reorder_point") if row["reorder_point"] else None,
        )
    except _Unfit as unfit:
        return Refusal(line, row["sku"], str(unfit))
    except Invalid as invalid:
        return Refusal(line, row["sku"], explained(invalid))


def explained(invalid: Invalid) -> str:
    """The faults of a product, each with its field."""
    errors: dict[str, list[str]] = invalid.extra.get("errors", {})
    return "; ".join(f"{field}: {' '.join(faults)}" for field, faults in errors.items()) or invalid.detail


def _fields(row: dict[str, str]) -> dict[str, Any]:
    attributes = _attributes(row["attributes"])
    if row["published_on"]:
        attributes["published_on"] = row["published_on"]
    return {
        "sku": row["sku"], "kind": row["kind"], "title": row["title"], "description": row["description"],
        "price_amount": minor_units(row["price"]), "currency": row["currency"], "category": row["category"],
        "author": row["author"] or None, "author_email": row["author_email"] or None, "attributes": attributes,
    }  # fmt: skip


def _attributes(text: str) -> dict[str, Any]:
    try:
        attributes = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise _Unfit("attributes: Must be JSON.") from None
    if not isinstance(attributes, dict):
        raise _Unfit("attributes: Must be a JSON object.")
    return attributes


def minor_units(price: str) -> int:
    """Cents of a price like 12.50."""
    try:
        amount = Decimal(price)
        cents = int(amount * 100)
        if Decimal(cents) / 100 == amount:
            return cents
    except (ArithmeticError, ValueError):  # no number, a not-a-number, or one beyond all bounds
        pass
    raise _Unfit("price: Must be a number with at most two decimals, like 12.50.")


def _count(row: dict[str, str], name: str) -> int:
    text = row[name] or "0"
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > MAX_LEVEL:
        raise _Unfit(f"{name}: Must be a whole number of pieces from 0 to {MAX_LEVEL}.")
    return int(text)
