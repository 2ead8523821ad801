"""Parsing rows of Shopify's product export: a product has one row per variant and per additional image.

The first row of a `Handle` contains the fields that its variants share. Each variant becomes a product.
https://help.shopify.com/en/manual/products/import-export/using-csv
"""

import re
from typing import Any

from models.catalogue import validate
from models.core.errors import Invalid
from models.imports.csv_file import Row
from models.imports.csv_rows import Refusal
from models.imports.html_text import html_to_text
from models.imports.native_csv import InvalidCell, explain, parse_count, parse_price
from settings import settings

COMMON = ("Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Published", "Status", "Gift Card",
          "Option1 Name", "Option2 Name", "Option3 Name")  # fmt: skip
"""Columns that only the first row of a product contains."""
_KINDS = {
    "book": r"\bbooks?\b|\bnovels?\b|\bmagazines?\b",
    "clothing": r"\bapparel\b|\bcloth(es|ing)\b|shirts?\b|\bdress(es)?\b|\bjackets?\b|\bshoes?\b|\btrousers\b|\bpants\b"
                r"|\bhats?\b|\bsocks?\b|\bhoodies?\b|\bsweaters?\b",
    "electronics": r"\belectronics?\b|\bcomputers?\b|\bcameras?\b|\bphones?\b|\baudio\b|\bheadphones\b|\blamps?\b"
                   r"|\bhardware\b",
}  # fmt: skip
_OPTIONS = {
    "clothing": {"size": "size", "color": "colour", "colour": "colour", "material": "material", "fit": "fit"},
    "electronics": {"color": "colour", "colour": "colour", "model": "model"},
    "book": {"format": "format", "language": "language", "edition": "edition"},
}
_DEFAULT = "Default Title"  # the option value of a product without variants


def is_variant(row: dict[str, str]) -> bool:
    """Whether a row is a variant, not just an additional image."""
    return bool(row.get("Variant Price") or row.get("Variant SKU") or row.get("Option1 Value") or row.get("Title"))


def complete_row(row: dict[str, str], first: dict[str, str]) -> dict[str, str]:
    """Adds the shared columns of the product's first row to a variant's row."""
    return {**row, **{name: first.get(name, "") for name in COMMON}}


def sku_of(row: dict[str, str]) -> str:
    """The variant's SKU, or the product's handle with the variant's options."""
    given = row.get("Variant SKU", "").strip().lstrip("'")  # Shopify marks numbers as text with an apostrophe
    if given:
        return " ".join(given.split())
    words = [row.get("Handle", ""), *_options(row).values()]
    return "-".join(re.sub(r"\s+", "-", word.strip().lower()) for word in words if word.strip())


def parse_row(row: dict[str, str], line: int, default_kind: str | None) -> Row | Refusal:
    """Parses a completed variant row into a product, or a refusal with the reason."""
    row = {name: cell.strip() for name, cell in row.items()}
    sku = sku_of(row)
    try:
        pieces = row.get("Variant Inventory Qty", "")
        return Row(
            line,
            validate(_fields(row, sku, default_kind)),
            0 if pieces.startswith("-") else parse_count(pieces, "stock"),
            None,
        )
    except InvalidCell as unfit:
        return Refusal(line, sku[:64], str(unfit))
    except Invalid as invalid:
        return Refusal(line, sku[:64], explain(invalid))


def _fields(row: dict[str, str], sku: str, default_kind: str | None) -> dict[str, Any]:
    status = row.get("Status", "").lower()
    if row.get("Published", "").lower() == "false" or status in ("draft", "archived"):
        raise InvalidCell("published: Not for sale in Shopify (Published is false, or Status is not active).")
    if row.get("Gift Card", "").lower() == "true":
        raise InvalidCell("kind: Gift cards are not supported.")
    kind = _kind_of(row) or default_kind
    if kind is None:
        raise InvalidCell(
            "kind: Cannot be derived from Product Category and Type. Set Type to book, clothing or electronics, "
            "or import with ?kind= to set the kind of all such rows."
        )
    options = _options(row)
    title = ", ".join([row["Title"], " / ".join(options.values())]) if options else row["Title"]
    category = row.get("Type") or row.get("Product Category", "").split(">")[-1].strip() or kind.title()
    return {
        "sku": sku, "kind": kind, "title": title, "description": html_to_text(row.get("Body (HTML)", ""))[:20_000],
        "price_amount": parse_price(row["Variant Price"]), "currency": settings.currency, "category": category,
        "attributes": _attributes(row, kind, options),
    }  # fmt: skip


def _kind_of(row: dict[str, str]) -> str | None:
    for text in (row.get("Product Category", "").lower(), row.get("Type", "").lower()):
        for kind, words in _KINDS.items():
            if re.search(words, text):
                return kind
    return None


def _options(row: dict[str, str]) -> dict[str, str]:
    """Option name → value of the variant."""
    found = {}
    for number in (1, 2, 3):
        value = row.get(f"Option{number} Value", "").strip()
        if value and value != _DEFAULT:
            found[row.get(f"Option{number} Name", "").strip() or str(number)] = value
    return found


def _attributes(row: dict[str, str], kind: str, options: dict[str, str]) -> dict[str, Any]:
    known = _OPTIONS[kind]
    attributes: dict[str, Any] = {known[n.lower()]: value for n, value in options.items() if n.lower() in known}
    if row.get("Vendor"):
        attributes["publisher" if kind == "book" else "brand"] = row["Vendor"]
    barcode = re.sub(r"[^0-9]", "", row.get("Variant Barcode", ""))
    if kind == "book" and re.fullmatch("97[89][0-9]{10}", barcode):
        attributes["isbn"] = barcode
    grams = row.get("Variant Grams", "")
    if kind == "electronics" and re.fullmatch("[0-9]{1,6}(\\.[0-9]{1,9})?", grams) and float(grams):
        attributes["weight_g"] = float(grams)
    return attributes
