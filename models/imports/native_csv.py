"""Parsing rows of the shopflow format."""

import json
from typing import Any

from models.catalogue import BUILT_IN_KINDS, Grouping, Kinds, validate, validate_grouping
from models.core.csv import unescape_formula
from models.core.errors import Invalid
from models.core.numbers import parse_decimal, parse_integer
from models.imports.csv_file import NATIVE_COLUMNS, Row
from models.imports.csv_rows import Refusal
from models.inventory import MAX_LEVEL
from settings import settings


class InvalidCell(Exception):
    """A cell is invalid."""


def parse_row(columns: list[str], line: int, cells: list[str], kinds: Kinds = BUILT_IN_KINDS) -> Row | Refusal:
    """Parses a row into a product, or a refusal with the reason."""
    row = dict.fromkeys(NATIVE_COLUMNS, "")
    row.update(zip(columns, map(unescape_formula, cells), strict=True))
    for name, cell in row.items():
        if name != "description":
            row[name] = cell.strip()
    try:
        return Row(
            line,
            validate(_fields(row), kinds),
            parse_count(row["stock"], "stock"),
            parse_count(row["reorder_point"], "reorder_point") if row["reorder_point"] else None,
            _group_of(row),
        )
    except InvalidCell as unfit:
        return Refusal(line, row["sku"][:64], str(unfit))
    except Invalid as invalid:
        return Refusal(line, row["sku"][:64], explain(invalid))


def explain(invalid: Invalid) -> str:
    """The reasons why a product is invalid, with their fields."""
    errors: dict[str, list[str]] = invalid.extra.get("errors", {})
    return "; ".join(f"{field}: {' '.join(faults)}" for field, faults in errors.items()) or invalid.detail


def _fields(row: dict[str, str]) -> dict[str, Any]:
    attributes = _attributes(row["attributes"])
    if row["published_on"]:
        attributes["published_on"] = row["published_on"]
    return {
        "sku": row["sku"], "kind": row["kind"], "title": row["title"],
        "description": row["description"].replace("\r\n", "\n").replace("\r", "\n"),
        "price_amount": parse_price(row["price"]), "currency": row["currency"] or settings.currency,
        "category": row["category"], "author": row["author"] or None, "author_email": row["author_email"] or None,
        "attributes": attributes,
    }  # fmt: skip


def _group_of(row: dict[str, str]) -> Grouping | None:
    numbers = [number for number in (1, 2, 3) if row[f"option{number}_name"]]
    options = {row[f"option{number}_name"]: row[f"option{number}_value"] for number in numbers}
    if not row["handle"]:
        if options:
            raise InvalidCell("handle: Is missing; a product with options has the handle of its group.")
        return None
    if len(options) < len(numbers):
        raise InvalidCell("option1_name: The names of the options must differ.")
    return validate_grouping(row["handle"], row["group_title"] or row["title"], options)


def _attributes(text: str) -> dict[str, Any]:
    try:
        attributes = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise InvalidCell("attributes: Must be JSON.") from None
    if not isinstance(attributes, dict):
        raise InvalidCell("attributes: Must be a JSON object.")
    return attributes


_NO_PRICE = "price: Must be a number with at most two decimal places, like 12.50."


def parse_price(price: str) -> int:
    """Parses a price like 12.50 into cents. Raises InvalidCell."""
    try:
        cents = parse_decimal(price).scaleb(2)
    except ValueError:
        raise InvalidCell(_NO_PRICE) from None
    if cents != cents.to_integral_value():
        raise InvalidCell(_NO_PRICE)
    return int(cents)


def parse_count(text: str, name: str) -> int:
    """Parses a quantity; empty means 0. Raises InvalidCell."""
    try:
        count = parse_integer(text or "0")
    except ValueError:
        count = -1
    if not 0 <= count <= MAX_LEVEL:
        raise InvalidCell(f"{name}: Must be an integer from 0 to {MAX_LEVEL}.")
    return count
