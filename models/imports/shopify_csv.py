"""Parsing rows of Shopify's product export: a product has one row per variant and per additional image.

The first row of a `Handle` contains the fields that its variants share. Each variant becomes a product.
https://help.shopify.com/en/manual/products/import-export/using-csv
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from models.catalogue import BUILT_IN_KINDS, Attribute, Grouping, Kinds, validate, validate_grouping
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
_NAMES = {"color": "colour"}
"""Names of options → those of attributes, where they differ."""
_DEFAULT = "Default Title"  # the option value of a product without variants
_GIFT_CARDS = ("gift card", "gift cards")
_TRUE = ("true", "yes", "1")
MAX_SKU = 64


def is_variant(row: dict[str, str]) -> bool:
    """Whether a row is a variant, not just an additional image."""
    return bool(row.get("Variant Price") or row.get("Variant SKU") or row.get("Option1 Value") or row.get("Title"))


def complete_rows(
    columns: Sequence[str], head: Sequence[str] | None, rows: Iterable[Sequence[Any]]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the rows, [line, cells], by their lines, with the columns that they share with the first row of their
    product. Rows with a further item are only such first rows.

    `head`: the first row of the product with which the rows continue.
    """
    first = dict(zip(columns, head, strict=True)) if head else {}
    for line, cells, *context in rows:
        row = dict(zip(columns, cells, strict=True))
        if row["Title"]:
            first = row
        if not context:
            continues = first and row["Handle"] == first["Handle"]
            yield line, {**row, **{name: first.get(name, "") for name in COMMON}} if continues else row


def sku_of(row: dict[str, str]) -> str:
    """The variant's SKU; if it has none, the product's handle with the variant's options, in at most 64 characters."""
    given = row.get("Variant SKU", "").strip().lstrip("'")  # Shopify marks numbers as text with an apostrophe
    if given:
        return " ".join(given.split())
    words = [handle_of(row), *_options(row).values()]
    made = "-".join(_hyphenated(word) for word in words if word.strip())
    return (
        made if len(made) <= MAX_SKU else f"{made[: MAX_SKU - 9]}-{blake2b(made.encode(), digest_size=4).hexdigest()}"
    )


def handle_of(row: dict[str, str]) -> str:
    """The product's handle; if it has none, the words of its title, as Shopify does."""
    return _hyphenated(row.get("Handle", "").strip() or row.get("Title", ""))


def _hyphenated(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f/?#]+", "-", text.strip().lower())


def parse_row(row: dict[str, str], line: int, default_kind: str | None, kinds: Kinds = BUILT_IN_KINDS) -> Row | Refusal:
    """Parses a completed variant row into a product, or a refusal with the reason."""
    row = {name: cell.strip() for name, cell in row.items()}
    sku = sku_of(row)
    try:
        return Row(line, validate(_fields(row, sku, default_kind, kinds), kinds), _stock_of(row), None, _group_of(row))
    except InvalidCell as unfit:
        return Refusal(line, sku[:64], str(unfit))
    except Invalid as invalid:
        return Refusal(line, sku[:64], explain(invalid))


def _fields(row: dict[str, str], sku: str, default_kind: str | None, kinds: Kinds) -> dict[str, Any]:
    _check_is_for_sale(row)
    kind = _kind_of(row, kinds) or default_kind
    if kind is None:
        raise InvalidCell(
            "kind: Cannot be derived from Product Category and Type. Set Type to the name of a kind (GET /v1/kinds), "
            "or import with ?kind= to set the kind of all such rows."
        )
    options = _options(row)
    title = ", ".join([row["Title"], " / ".join(options.values())]) if options else row["Title"]
    category = row.get("Type") or row.get("Product Category", "").split(">")[-1].strip() or kind.title()
    return {
        "sku": sku, "kind": kind, "title": title, "description": html_to_text(row.get("Body (HTML)", ""))[:20_000],
        "price_amount": parse_price(row["Variant Price"]), "currency": settings.currency, "category": category,
        "attributes": _attributes(row, kinds.get(kind, ()), options),
    }  # fmt: skip


def _group_of(row: dict[str, str]) -> Grouping | None:
    """The variants of a product are a group, by its handle."""
    options = _options(row)
    return validate_grouping(handle_of(row), row["Title"], options) if options else None


def _check_is_for_sale(row: dict[str, str]) -> None:
    """Raises InvalidCell for what the shop cannot sell."""
    if not row["Title"]:
        raise InvalidCell("title: Is missing, and no row with this Handle and a Title is directly before.")
    status = row.get("Status", "").lower()
    if row.get("Published", "").lower() == "false" or status not in ("", "active"):
        raise InvalidCell("published: Not for sale in Shopify (Published is false, or Status is not active).")
    groups = row.get("Product Category", "").split(">")[-1].strip().casefold(), row.get("Type", "").casefold()
    if row.get("Gift Card", "").lower() in _TRUE or any(group in _GIFT_CARDS for group in groups):
        raise InvalidCell("kind: Gift cards are not supported.")


def _stock_of(row: dict[str, str]) -> int:
    units = row.get("Variant Inventory Qty", "")
    if re.fullmatch("-0*[1-9][0-9]*", units):
        raise InvalidCell(
            f"stock: Is {units[:20]}: more units are sold than there are. Fulfil or cancel these orders in Shopify, or "
            "set Inventory Qty to 0."
        )
    return parse_count(units, "stock")


def _kind_of(row: dict[str, str], kinds: Kinds) -> str | None:
    groups = row.get("Product Category", ""), row.get("Type", "")
    for group in groups:
        name = re.sub(r"\W+", "_", group.split(">")[-1].strip().lower())
        if name in kinds or name.removesuffix("s") in kinds:
            return name if name in kinds else name.removesuffix("s")
    for text in groups:
        for kind, words in _KINDS.items():
            if kind in kinds and re.search(words, text.lower()):
                return kind
    return None


def _options(row: dict[str, str]) -> dict[str, str]:
    """Option name → value of the variant."""
    found = {}
    for number in (1, 2, 3):
        value = row.get(f"Option{number} Value", "").strip()
        if value and value != _DEFAULT:
            name = row.get(f"Option{number} Name", "").strip()
            found[name if name and name not in found else f"{name} {number}".strip()] = value
    return found


def _attributes(row: dict[str, str], known: Sequence[Attribute], options: dict[str, str]) -> dict[str, Any]:
    types = {attribute.name: attribute.type for attribute in known}
    named = {_NAMES.get(name.lower(), name.lower()): value for name, value in options.items()}
    attributes: dict[str, Any] = {name: value for name, value in named.items() if types.get(name) == "text"}
    if row.get("Vendor"):
        attributes["publisher" if "publisher" in types else "brand"] = row["Vendor"]
    barcode = row.get("Variant Barcode", "").lstrip("'")
    digits = re.sub(r"[^0-9]", "", barcode)
    if "isbn" in types and re.fullmatch("97[89][0-9]{10}", digits):
        attributes["isbn"] = digits
    elif re.search(r"[^\W_]", barcode):  # not just a dash
        attributes["barcode"] = barcode
    grams = row.get("Variant Grams", "")
    if re.fullmatch("[0-9]{1,6}(\\.[0-9]{1,9})?", grams) and float(grams):
        attributes["weight_g"] = float(grams)
    return attributes
