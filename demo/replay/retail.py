"""Reads invoices as the UCI data set Online Retail has them (doi:10.24432/C5BW33), its awkward lines included."""

import codecs
import csv
import gzip
import re
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TextIO

COLUMNS = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
)  # fmt: skip
GOODS = re.compile(r"\d{5}[A-Z]*|DCGS\w+|GIFT_\d+_\d+|PADS")
"""What a product's code looks like. All else is postage, fees, discounts, samples and corrections by hand."""
OPEN = 4
"""Invoices that are read side by side: now and then another one stands between the lines of one."""
TOO_MUCH = 10**9  # pounds or pieces: no number, but a slip


class Skipped(StrEnum):
    """Why a line of the file becomes no line of an order."""

    UNREADABLE = "unreadable row"
    CANCELLATION = "cancellation invoice"
    NO_CUSTOMER = "no customer"
    NOT_GOODS = "not a product (postage, fees, corrections)"
    QUANTITY = "quantity not positive"
    FREE = "price not positive"
    FRACTION = "price not in whole pence"
    SECOND_PRICE = "second price of a product in one invoice"
    OTHER_CUSTOMER = "second customer in one invoice"
    TORN = "invoice continued much later in the file"


@dataclass(frozen=True)
class Row:
    """One line of the file, read but not judged."""

    invoice: str
    code: str
    description: str
    quantity: int
    date: datetime
    price: Decimal
    customer: str
    country: str


@dataclass
class Line:
    """A product of an invoice. `price` in pence for one piece."""

    sku: str
    title: str
    quantity: int
    price: int


@dataclass
class Invoice:
    """What became of one invoice number: lines to order, by SKU, and the count of those skipped by reason."""

    number: str
    customer: str = ""
    country: str = ""
    lines: dict[str, Line] = field(default_factory=dict)
    skipped: Counter[Skipped] = field(default_factory=Counter)

    @property
    def value(self) -> int:
        """Pence."""
        return sum(line.price * line.quantity for line in self.lines.values())

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines.values())


class NotRetail(Exception):
    """The file is not what this module reads; the text is a sentence."""


def invoices(path: Path, limit: int | None = None) -> Iterator[Invoice]:
    """The file's first `limit` invoices, in its order, each when its last line has been read.

    Holds a few invoices in memory, and the numbers of all. What can't be read is counted with the next
    invoice. Raises NotRetail for another kind of file, OSError.
    """
    with _open(path) as file:
        yield from islice(grouped(rows(file)), limit)


def rows(lines: Iterable[str]) -> Iterator[Row | None]:
    """What each line after the header says; None for one that can't be read. Raises NotRetail."""
    reader = csv.reader(lines)
    header = next(reader, [])
    if tuple(name.strip() for name in header) != COLUMNS:
        raise NotRetail(f"The first line must be {','.join(COLUMNS)}; it is {','.join(header)[:200]!r}.")
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # NUL, or a quotation mark that is never closed
            yield None
            continue
        if cells:
            yield _row(cells)


def grouped(found: Iterable[Row | None]) -> Iterator[Invoice]:
    """Puts the rows of each invoice together."""
    stray: Counter[Skipped] = Counter()
    seen: set[str] = set()
    opened: OrderedDict[str, Invoice] = OrderedDict()
    for row in found:
        if row is None:
            stray[Skipped.UNREADABLE] += 1
        elif row.invoice in opened:
            add(opened[row.invoice], row)
        elif row.invoice in seen:
            stray[Skipped.TORN] += 1
        else:
            seen.add(row.invoice)
            opened[row.invoice] = Invoice(row.invoice, row.customer, row.country, skipped=stray)
            add(opened[row.invoice], row)
            stray = Counter()
            if len(opened) > OPEN:
                yield opened.popitem(last=False)[1]
    yield from opened.values()
    if stray:
        yield Invoice("", skipped=stray)


def add(invoice: Invoice, row: Row) -> None:
    """Adds the row to the invoice's lines, or to what is skipped. A SKU that comes again is summed."""
    sku = row.code.upper()  # 85123A and 85123a are the same thing
    reason = why_skipped(row, sku)
    if reason is None and row.customer != invoice.customer:
        reason = Skipped.OTHER_CUSTOMER
    price = 0 if reason else int(row.price * 100)
    line = invoice.lines.get(sku)
    if reason is None and line is not None and line.price != price:
        reason = Skipped.SECOND_PRICE
    if reason is not None:
        invoice.skipped[reason] += 1
    elif line is not None:
        line.quantity += row.quantity
    else:
        invoice.lines[sku] = Line(sku, row.description or f"Product {sku}", row.quantity, price)


def why_skipped(row: Row, sku: str) -> Skipped | None:
    """Why this row by itself can't be ordered, or None."""
    if row.invoice.upper().startswith("C"):
        return Skipped.CANCELLATION
    if not row.customer:
        return Skipped.NO_CUSTOMER
    if not GOODS.fullmatch(sku):
        return Skipped.NOT_GOODS
    if row.quantity <= 0:
        return Skipped.QUANTITY
    if row.price <= 0:
        return Skipped.FREE
    if Decimal(int(row.price * 100)) != row.price * 100 or row.price * 100 < 1:
        return Skipped.FRACTION
    return None


def _row(cells: list[str]) -> Row | None:
    cells = ["".join(filter(str.isprintable, " ".join(cell.split()))) for cell in cells]
    if len(cells) != len(COLUMNS):
        return None
    invoice, code, description, quantity, date, price, customer, country = cells
    try:
        row = Row(
            invoice, code, description, int(quantity), datetime.fromisoformat(date), Decimal(price),
            customer.removesuffix(".0"), country,
        )  # fmt: skip
    except (ValueError, InvalidOperation):
        return None
    believable = row.price.is_finite() and -TOO_MUCH < row.price < TOO_MUCH and abs(row.quantity) < TOO_MUCH
    return row if invoice and code and believable else None


def _open(path: Path) -> TextIO:
    opener = gzip.open if path.suffix == ".gz" else open
    file: TextIO = opener(path, "rt", encoding=_encoding(path), errors="replace", newline="")
    return file


def _encoding(path: Path) -> str:
    """UTF-8 if the whole file is, else Windows-1252, in which spreadsheets write `£`."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    except EOFError as error:
        raise NotRetail(f"{path} ends in the middle of its compressed data.") from error
    return "utf-8-sig"
