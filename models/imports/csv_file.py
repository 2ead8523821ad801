"""Reading catalogue files: detecting the format, and streaming the rows."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from models.catalogue import ProductInput
from models.core.errors import ShopError

_HINT = "Save the table as “CSV UTF-8 (comma delimited)” and send that file."
_OTHER_FILES = {
    b"PK\x03\x04": f"The file is a ZIP archive or an Excel workbook (.xlsx), not CSV. {_HINT}",
    b"\xd0\xcf\x11\xe0": f"The file is an old Excel workbook (.xls), not CSV. {_HINT}",
    b"\x1f\x8b": "The file is compressed with gzip. Send the uncompressed CSV file.",
    b"%PDF": f"The file is a PDF, not CSV. {_HINT}",
    b"\xff\xfe": f"The file is encoded in UTF-16. {_HINT}",
    b"\xfe\xff": f"The file is encoded in UTF-16. {_HINT}",
    b"{": f"The file looks like JSON, not CSV. {_HINT}",
    b"[": f"The file looks like JSON, not CSV. {_HINT}",
    b"<": f"The file looks like HTML or XML, not CSV. {_HINT}",
}
NATIVE_COLUMNS = (
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
"""Shopify's newer column names, in lower case → the names in its export."""


class NotACatalogue(ShopError):
    """The file is not a catalogue. The message says how to fix it."""

    status, code = 422, "not_a_catalogue"


@dataclass(frozen=True)
class Row:
    """A product and its opening stock in units. `line`: where its row begins in the file."""

    line: int
    draft: ProductInput
    stock: int
    reorder_point: int | None


@dataclass(frozen=True)
class Refusal:
    """A refused row, and the reason in one or two sentences."""

    line: int
    sku: str
    reason: str


class _BorrowedText(io.TextIOWrapper):
    """The text of a file that belongs to somebody else, and is not closed with this object."""

    def __del__(self) -> None:
        with suppress(ValueError):  # its owner has closed it
            self.detach()


@dataclass
class CsvFile:
    """A CSV file in shopflow or Shopify format. `skipped` is counted while it is read."""

    format: str
    columns: list[str]
    skipped: int = 0
    _reader: Any = field(default=None, repr=False)

    @classmethod
    def open(cls, file: IO[bytes]) -> "CsvFile":
        """Reads the header of a seekable file. Raises NotACatalogue."""
        _check_kind(file)
        reader = csv.reader(_BorrowedText(file, encoding="utf-8-sig", newline=""), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            raise NotACatalogue(f"The first line is not valid CSV: {error}. {_HINT}") from error
        except UnicodeDecodeError as error:
            raise _not_utf8(1) from error
        form, columns = _format_of(header)
        return cls(form, columns, _reader=reader)

    def cells(self) -> Iterator[tuple[int, list[str]] | Refusal]:
        """Yields each non-empty row after the header: its line and its cells. Raises NotACatalogue if the file is not
        UTF-8."""
        reader = self._reader
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Refusal(line, "", f"Invalid CSV: {error}.")
                continue
            except UnicodeDecodeError as error:
                raise _not_utf8(line) from error
            if not any(cells):
                continue
            if len(cells) != len(self.columns):
                few = f"The row has {len(cells)} columns instead of {len(self.columns)}."
                yield Refusal(line, cells[0][:64], few)
            else:
                yield line, cells


class SeenSkus:
    """The SKUs read so far and their lines, kept on disk."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("")  # a database without a name is a temporary file
        self._table.execute("CREATE TABLE seen (sku TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self.closing = closing(self._table)

    def first_line(self, sku: str, line: int) -> int | None:
        """Returns the line of an earlier occurrence of the SKU; otherwise records it and returns None."""
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
        raise NotACatalogue(f"The file is binary, or encoded in UTF-16 or UTF-32. {_HINT}")


def _not_utf8(line: int) -> NotACatalogue:
    return NotACatalogue(f"The file is not valid UTF-8 near line {line}. {_HINT}", line=line)


def _format_of(header: list[str]) -> tuple[str, list[str]]:
    if len(header) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in header[0]:
                raise NotACatalogue(f"The columns are separated by {name} instead of commas. {_HINT}")
    renamed = {name.lower(): name for name in (*SHOPIFY, "Body (HTML)", "Product Category")}
    shopify = [renamed.get(low, SHOPIFY_NAMES.get(low, name)) for name in header for low in [name.lower()]]
    if all(name in shopify for name in SHOPIFY):
        return "shopify", shopify
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in NATIVE_COLUMNS]
    twice = sorted({name for name in header if header.count(name) > 1})
    if missing or unknown or twice:
        wrong = [
            f"{what}: {', '.join(names)[:200]}"
            for what, names in (("missing", missing), ("unknown", unknown), ("twice", twice)) if names
        ]  # fmt: skip
        raise NotACatalogue(
            f"The columns are not those of a catalogue ({'; '.join(wrong)}). The shopflow format has the columns "
            f"{','.join(NATIVE_COLUMNS)}, in any order; {', '.join(REQUIRED)} are required. "
            "A Shopify product export is accepted unchanged.",
            missing=missing, unknown=unknown[:20],
        )  # fmt: skip
    return "shopflow", header
