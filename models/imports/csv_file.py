"""The beginning of a catalogue file: what kind of file it is, its format and its columns."""

from collections import Counter
from dataclasses import dataclass

from models.catalogue import Grouping, ProductInput
from models.imports.csv_rows import BOM, HINT, ImportTooLarge, NotACatalogue, Refusal, Rows

HEAD = 1 << 16
"""Bytes that are checked at once. The header must not be longer."""
MAX_COLUMNS = 200

_OTHER_FILES = {
    b"PK\x03\x04": f"The file is a ZIP archive or an Excel workbook (.xlsx), not CSV. {HINT}",
    b"\xd0\xcf\x11\xe0": f"The file is an old Excel workbook (.xls), not CSV. {HINT}",
    b"\x1f\x8b": "The file is compressed with gzip. Send the uncompressed CSV file.",
    b"%PDF": f"The file is a PDF, not CSV. {HINT}",
    b"\xff\xfe": f"The file is encoded in UTF-16. {HINT}",
    b"\xfe\xff": f"The file is encoded in UTF-16. {HINT}",
    b"{": f"The file looks like JSON, not CSV. {HINT}",
    b"[": f"The file looks like JSON, not CSV. {HINT}",
    b"<": f"The file looks like HTML or XML, not CSV. {HINT}",
}
NATIVE_COLUMNS = (
    "sku", "kind", "title", "author", "author_email", "category", "published_on", "price", "currency", "stock",
    "reorder_point", "description", "attributes", "handle", "group_title", "option1_name", "option1_value",
    "option2_name", "option2_value", "option3_name", "option3_value",
)  # fmt: skip
REQUIRED = ("sku", "kind", "title", "category", "price")
SHOPIFY = ("Handle", "Title", "Variant Price")
SHOPIFY_COLUMNS = (
    *SHOPIFY, "Body (HTML)", "Vendor", "Product Category", "Type", "Published", "Status", "Gift Card",
    "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value",
    "Variant SKU", "Variant Grams", "Variant Inventory Qty", "Variant Barcode",
)  # fmt: skip
"""The columns of Shopify's product export that an import takes, by their older names."""
RENAMED = {
    "url handle": "Handle", "description": "Body (HTML)", "sku": "Variant SKU", "price": "Variant Price",
    "barcode": "Variant Barcode", "barcodes": "Variant Barcode", "variant barcodes": "Variant Barcode",
    "inventory quantity": "Variant Inventory Qty", "published on online store": "Published",
    "weight value (grams)": "Variant Grams",
}  # fmt: skip
"""Shopify's current column names, case-folded → the older ones."""
_SHOPIFY_NAMES = {**{name.casefold(): name for name in SHOPIFY_COLUMNS}, **RENAMED}
MAX_COLUMN_NAME = 64  # characters of a column's name that are stored and shown


@dataclass(frozen=True)
class Row:
    """A product, its opening stock in units, and its group. `line`: where its row begins in the file."""

    line: int
    draft: ProductInput
    stock: int
    reorder_point: int | None
    group: Grouping | None = None


@dataclass(frozen=True)
class Head:
    """The header of a file. `offset` and `line`: where the row after it begins."""

    format: str
    columns: list[str]
    offset: int
    line: int


def check_head(start: bytes, *, is_all: bool) -> Head:
    """Reads the header of a file that begins with `start`, its first `HEAD` bytes at most. `is_all`: the file ends
    there; then all of it is checked. Raises NotACatalogue and ImportTooLarge."""
    _check_kind(start)
    if not is_all:  # without its last line, which may be incomplete
        start = start[: max(start.rfind(b"\n"), start.rfind(b"\r", 0, -1)) + 1]
    rows = Rows([start])
    found = iter(rows)
    first = next(found, None)
    if isinstance(first, Refusal) and (is_all or rows.offset < len(start)):
        raise NotACatalogue(f"The first line is not valid CSV: {first.reason} {HINT}")
    if not isinstance(first, tuple):
        raise ImportTooLarge(f"The header is longer than {HEAD} bytes.", limit=HEAD)
    if any("\0" in name for name in first[1]):
        raise NotACatalogue(f"The header contains binary data. {HINT}")
    form, columns = _format_of([name.strip() for name in first[1]])
    head = Head(form, columns, rows.offset, rows.line)
    rows_found = sum(isinstance(row, Refusal) or any(row[1]) for row in found)
    if is_all and not rows_found:
        raise no_products()
    return head


def no_products() -> NotACatalogue:
    return NotACatalogue("The file has a header but no products. Send at least one row.")


def _check_kind(start: bytes) -> None:
    text = start.removeprefix(BOM).lstrip()
    if not text:
        raise NotACatalogue("The file is empty. Send a CSV file with a header and at least one product.")
    for mark, sentence in _OTHER_FILES.items():
        if text.startswith(mark) or start.startswith(mark):
            raise NotACatalogue(sentence)
    if b"\0" in start[:4096]:
        raise NotACatalogue(f"The file is binary, or encoded in UTF-16 or UTF-32. {HINT}")


def _format_of(header: list[str]) -> tuple[str, list[str]]:
    if len(header) > MAX_COLUMNS:
        problem = f"The file has {len(header)} columns; an import may have {MAX_COLUMNS}."
        raise ImportTooLarge(problem, limit=MAX_COLUMNS)
    if len(header) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in header[0]:
                raise NotACatalogue(f"The columns are separated by {name} instead of commas. {HINT}")
    shopify = [_SHOPIFY_NAMES.get(_folded(name), name) for name in header]
    is_ours = set(REQUIRED).issubset(map(_folded, header))
    if set(SHOPIFY).issubset(shopify) and not is_ours:
        twice = sorted(name for name, found in Counter(shopify).items() if found > 1 and name in SHOPIFY_COLUMNS)
        if twice:
            raise NotACatalogue(f"The file has several columns for {', '.join(twice)}. Remove all but one of each.")
        return "shopify", shopify
    header = [name if (folded := _folded(name)) not in NATIVE_COLUMNS else folded for name in header]
    times = Counter(header)
    missing = [name for name in REQUIRED if name not in times]
    unknown = [name for name in times if name not in NATIVE_COLUMNS]
    twice = sorted(name for name, found in times.items() if found > 1)
    if missing or unknown or twice:
        wrong = [
            f"{what}: {', '.join(names)[:200]}"
            for what, names in (("missing", missing), ("unknown", unknown), ("twice", twice)) if names
        ]  # fmt: skip
        raise NotACatalogue(
            f"The columns are not those of a catalogue ({'; '.join(wrong)}). The shopflow format has the columns "
            f"{','.join(NATIVE_COLUMNS)}, in any order; {', '.join(REQUIRED)} are required. "
            "A Shopify product export is accepted unchanged.",
            missing=missing, unknown=[name[:MAX_COLUMN_NAME] for name in unknown[:20]],
        )  # fmt: skip
    return "shopflow", header


def _folded(name: str) -> str:
    """A column's name as it is compared: without regard to case and to the number of spaces."""
    return " ".join(name.casefold().split())
