"""Reads the UCI data set Online Retail (doi:10.24432/C5BW33), including its irregular lines."""

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
"""The codes of products. Other codes are postage, fees, discounts, samples and manual corrections."""
MAX_CELL = 131_072  # characters
MAX_OPEN = 4
"""Invoices kept open while reading: lines of different invoices are sometimes interleaved."""
IMPLAUSIBLE = 10**9  # pounds or units; a larger number is a data error


class Skipped(StrEnum):
    """Why a line of the file is not ordered, cancelled or returned."""

    UNREADABLE = "unreadable row"
    NO_CUSTOMER = "no customer"
    NOT_GOODS = "not a product (postage, fees, corrections)"
    QUANTITY = "quantity zero or of the wrong sign"
    FREE = "price not positive"
    FRACTION = "price not in whole pence"
    SECOND_PRICE = "second price of a product in one invoice"
    OTHER_CUSTOMER = "second customer in one invoice"
    CONTINUED_LATER = "invoice continued much later in the file"
    NO_PURCHASE = "no earlier purchase in the file"
    OTHER_PRICE = "no earlier purchase at this price"
    TOO_MANY = "more units than any earlier purchase has left"


@dataclass(frozen=True)
class Row:
    """A line of the file, parsed but not validated."""

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
    """A line of an invoice. `price` is the unit price in pence."""

    sku: str
    title: str
    quantity: int
    price: int


@dataclass
class Invoice:
    """An invoice: lines to order by SKU, and skipped lines counted by reason.

    A cancellation has lines to take back instead, and its skipped lines with the reason and the value in pence.
    """

    number: str
    customer: str = ""
    country: str = ""
    lines: dict[str, Line] = field(default_factory=dict)
    skipped: Counter[Skipped] = field(default_factory=Counter)
    taken_back: list[Line] = field(default_factory=list)
    not_taken_back: list[tuple[Skipped, int]] = field(default_factory=list)

    @property
    def is_cancellation(self) -> bool:
        return self.number.upper().startswith("C")

    @property
    def value(self) -> int:
        """Pence."""
        return sum(line.price * line.quantity for line in self.lines.values())

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines.values())


class NotRetail(Exception):
    """The file is not in the expected format. The message is a sentence."""


def invoices(path: Path, limit: int | None = None) -> Iterator[Invoice]:
    """Yields the first `limit` invoices of the file, in its order.

    Keeps a few invoices and all invoice numbers in memory. Unreadable lines are counted with the next invoice. Raises
    NotRetail for another format, and OSError.
    """
    with _open(path) as file:
        yield from islice(group_rows(rows(file)), limit)


def rows(lines: Iterable[str]) -> Iterator[Row | None]:
    """Parses each line after the header; None for an unreadable one. Raises NotRetail."""
    csv.field_size_limit(MAX_CELL)  # for the whole process; it bounds what an unclosed quotation mark costs
    reader = csv.reader(lines)
    header = next(reader, [])
    if tuple(name.strip() for name in header) != COLUMNS:
        raise NotRetail(f"The first line must be {','.join(COLUMNS)}; it is {','.join(header)[:200]!r}.")
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # NUL, or an unclosed quotation mark
            yield None
            continue
        if cells:
            yield _row(cells)


def group_rows(found: Iterable[Row | None]) -> Iterator[Invoice]:
    """Groups the rows by invoice."""
    uncounted: Counter[Skipped] = Counter()
    seen: set[str] = set()
    opened: OrderedDict[str, Invoice] = OrderedDict()
    for row in found:
        if row is None:
            uncounted[Skipped.UNREADABLE] += 1
        elif row.invoice in opened:
            add(opened[row.invoice], row)
        elif row.invoice in seen:
            uncounted[Skipped.CONTINUED_LATER] += 1
        else:
            seen.add(row.invoice)
            opened[row.invoice] = Invoice(row.invoice, row.customer, row.country, skipped=uncounted)
            add(opened[row.invoice], row)
            uncounted = Counter()
            if len(opened) > MAX_OPEN:
                yield opened.popitem(last=False)[1]
    yield from opened.values()
    if uncounted:
        yield Invoice("", skipped=uncounted)


def add(invoice: Invoice, row: Row) -> None:
    """Adds the row to the invoice's lines or to the skipped ones. Quantities of equal SKUs to order are added up."""
    sku = row.code.upper()  # 85123A and 85123a are the same product
    reason = skip_reason(row, sku)
    if reason is None and row.customer != invoice.customer:
        reason = Skipped.OTHER_CUSTOMER
    price = 0 if reason else int(row.price * 100)
    if invoice.is_cancellation:
        if reason is None:
            invoice.taken_back.append(Line(sku, row.description, -row.quantity, price))
        else:
            invoice.not_taken_back.append((reason, round(-row.quantity * row.price * 100)))
        return
    line = invoice.lines.get(sku)
    if reason is None and line is not None and line.price != price:
        reason = Skipped.SECOND_PRICE
    if reason is not None:
        invoice.skipped[reason] += 1
    elif line is not None:
        line.quantity += row.quantity
    else:
        invoice.lines[sku] = Line(sku, row.description or f"Product {sku}", row.quantity, price)


def skip_reason(row: Row, sku: str) -> Skipped | None:
    """Why the row, considered alone, cannot be ordered or taken back; None if it can."""
    if not row.customer:
        return Skipped.NO_CUSTOMER
    if not GOODS.fullmatch(sku):
        return Skipped.NOT_GOODS
    is_cancellation = row.invoice.upper().startswith("C")
    if row.quantity == 0 or is_cancellation != (row.quantity < 0):
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
    plausible = row.price.is_finite() and -IMPLAUSIBLE < row.price < IMPLAUSIBLE and abs(row.quantity) < IMPLAUSIBLE
    return row if invoice and code and plausible else None


def _open(path: Path) -> TextIO:
    opener = gzip.open if path.suffix == ".gz" else open
    file: TextIO = opener(path, "rt", encoding=_encoding(path), errors="replace", newline="")
    return file


def _encoding(path: Path) -> str:
    """UTF-8 if the whole file is valid UTF-8, otherwise Windows-1252, in which spreadsheets write `£`."""
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
        raise NotRetail(f"{path} is truncated.") from error
    return "utf-8-sig"
