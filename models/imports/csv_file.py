"""A catalogue file: is it one, of which format, and its rows one at a time, however many there are."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import IO, Any

from models.catalogue import ProductInput
from models.core.errors import ShopError

_HOW = "Save the table as “CSV UTF-8 (comma delimited)” and send that."
_OTHER_FILES = {
    b"PK\x03\x04": f"This is a ZIP archive or an Excel workbook (.xlsx), not CSV. {_HOW}",
    b"\xd0\xcf\x11\xe0": f"This is an old Excel workbook (.xls), not CSV. {_HOW}",
    b"\x1f\x8b": "This is compressed with gzip. Unpack it and send the CSV file itself.",
    b"%PDF": f"This is a PDF, not CSV. {_HOW}",
    b"\xff\xfe": f"This is text in UTF-16. {_HOW}",
    b"\xfe\xff": f"This is text in UTF-16. {_HOW}",
    b"{": f"This looks like JSON, not CSV. {_HOW}",
    b"[": f"This looks like JSON, not CSV. {_HOW}",
    b"<": f"This looks like HTML or XML, not CSV. {_HOW}",
}
OURS = (
    "sku", "kind", "title", "author", "author_email", "category", "published_on", "price", "currency", "stock",
    "reorder_point", "description", "attributes",
)  # fmt: skip
REQUIRED = ("sku", "kind", "title", "category", "price")
SHOPIFY = ("Handle", "Title", "Variant Price")
SHOPIFY_NAMES = {
    "url handle": "Handle", "description": "Body (HTML)", "sku": "Variant SKU", "price": "Variant Price",
    "barcode": "Variant Barcode", "inventory quantity": "Variant Inventory Qty", "published on online store":
    "Published", "weight value (grams)": "Variant Grams", "product image url": "Image Src",
}  # fmt: skip
"""Shopify's newer names of columns, in lower case → those of its export."""


class NotACatalogue(ShopError):
    """The file as a whole can't be taken; the text says what to do."""

    status, code = 422, "not_a_catalogue"


@dataclass(frozen=True)
class Row:
    """One product: what it is, and its opening stock in pieces. `line` is where its row begins in the file."""

    line: int
    draft: ProductInput
    stock: int
    reorder_point: int | None


@dataclass(frozen=True)
class Refusal:
    """A row that was not taken, and why, in a sentence or two."""

    line: int
    sku: str
    reason: str


@dataclass
class CsvFile:
    """A CSV file that has a header of ours or of Shopify's product export. `skipped` grows while it is read."""

    format: str
    columns: list[str]
    skipped: int = 0
    _reader: Any = field(default=None, repr=False)

    @classmethod
    def open(cls, file: IO[bytes]) -> "CsvFile":
        """Reads the header of a seekable file. Raises NotACatalogue."""
        _check_kind(file)
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        lines.detach = lambda: None  # type: ignore[assignment, method-assign, return-value]
        reader = csv.reader(lines, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            raise NotACatalogue(f"The first line can't be read as CSV: {error}. {_HOW}") from error
        except UnicodeDecodeError as error:
            raise _not_utf8(1) from error
        form, columns = _format_of(header)
        return cls(form, columns, _reader=reader)

    def cells(self) -> Iterator[tuple[int, list[str]] | Refusal]:
        """Each row after the header that is not empty: where it begins, and its cells. Raises NotACatalogue where
        the file is not UTF-8."""
        reader = self._reader
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Refusal(line, "", f"Is no CSV: {error}.")
                continue
            except UnicodeDecodeError as error:
                raise _not_utf8(line) from error
            if not any(cells):
                continue
            if len(cells) != len(self.columns):
                few = f"Has {len(cells)} columns instead of {len(self.columns)}."
                yield Refusal(line, cells[0][:64], few)
            else:
                yield line, cells


class Seen:
    """The SKUs that have come, and on which line. They are kept on disk, however many they are."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("")  # a nameless database is a temporary file
        self._table.execute("CREATE TABLE seen (sku TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self.closing = closing(self._table)

    def before(self, sku: str, line: int) -> int | None:
        """The line on which the SKU has come before; notes it otherwise."""
        if self._table.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (sku, line)).rowcount:
            return None
        found: int = self._table.execute("SELECT line FROM seen WHERE sku = ?", (sku,)).fetchone()[0]
        return found


def _check_kind(file: IO[bytes]) -> None:
    start = file.read(4096)
    file.seek(0)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise NotACatalogue("The file is empty. Send a CSV file with a header and at least one product.")
    for mark, sentence in _OTHER_FILES.items():
        if text.startswith(mark) or start.startswith(mark):
            raise NotACatalogue(sentence)
    if b"\0" in start:
        raise NotACatalogue(f"This is a binary file, or text in UTF-16 or UTF-32, not CSV. {_HOW}")


def _not_utf8(line: int) -> NotACatalogue:
    return NotACatalogue(f"The text is not UTF-8 near line {line}. {_HOW}", line=line)


def _format_of(header: list[str]) -> tuple[str, list[str]]:
    if len(header) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in header[0]:
                raise NotACatalogue(f"The columns are separated by {name} instead of commas. {_HOW}")
    renamed = {name.lower(): name for name in (*SHOPIFY, "Body (HTML)", "Product Category")}
    shopify = [renamed.get(low, SHOPIFY_NAMES.get(low, name)) for name in header for low in [name.lower()]]
    if all(name in shopify for name in SHOPIFY):
        return "shopify", shopify
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in OURS]
    twice = sorted({name for name in header if header.count(name) > 1})
    if missing or unknown or twice:
        wrong = [
            f"{what}: {', '.join(names)[:200]}"
            for what, names in (("missing", missing), ("unknown", unknown), ("twice", twice)) if names
        ]  # fmt: skip
        raise NotACatalogue(
            f"The columns of the first line are not those of a catalogue ({'; '.join(wrong)}). Ours are "
            f"{','.join(OURS)}, in any order, of which {', '.join(REQUIRED)} must be there; "
            "a product export of Shopify is taken as it is.",
            missing=missing, unknown=unknown[:20],
        )  # fmt: skip
    return "shopflow", header
