"""Reading the rows of a CSV file from any position on, in bounded memory and linear time.

https://www.rfc-editor.org/rfc/rfc4180
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.core.errors import ShopError

MAX_ROW = 1 << 20  # bytes, with its line breaks
MAX_CELL = 131_072  # characters
BOM = b"\xef\xbb\xbf"
HINT = "Save the table as “CSV UTF-8 (comma delimited)” and send that file."


class NotACatalogue(ShopError):
    """The file is not a catalogue. The message says how to fix it."""

    status, code = 422, "not_a_catalogue"


class ImportTooLarge(ShopError):
    """The file has more rows or columns, or longer ones, than an import may have."""

    status, code = 422, "import_too_large"


@dataclass(frozen=True)
class Refusal:
    """A refused row, and the reason in one or two sentences. Both texts can be stored."""

    line: int
    sku: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "sku", _storable(self.sku)[:64])
        object.__setattr__(self, "reason", _storable(self.reason)[:2000])


class Rows:
    """The rows of a file whose bytes are `pieces`. `offset` and `line`: where the next row begins; the file begins at
    0, on line 1."""

    def __init__(self, pieces: Iterable[bytes], *, offset: int = 0, line: int = 1) -> None:
        self.offset, self.line = offset, line
        self._size = self._lines = 0  # of the current row, so far
        self._reader = csv.reader(self._decode(_split_lines(pieces)), strict=True)

    def __iter__(self) -> Iterator[tuple[int, list[str]] | Refusal]:
        """Yields each row with its line, also empty ones. A row that is not valid CSV is a Refusal.

        Raises NotACatalogue if the file is not UTF-8, and ImportTooLarge at a row of more than `MAX_ROW` bytes.
        """
        csv.field_size_limit(MAX_ROW)  # for the whole process; a longer row is refused before
        while True:
            self._size = self._lines = 0
            try:
                found: list[str] | csv.Error = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                found = error
            line = self.line
            self.line, self.offset = line + self._lines, self.offset + self._size
            yield Refusal(line, "", f"Invalid CSV: {found}.") if isinstance(found, csv.Error) else (line, found)

    def _decode(self, lines: Iterable[bytes]) -> Iterator[str]:
        for line in lines:
            number = self.line + self._lines
            self._size, self._lines = self._size + len(line), self._lines + 1
            if self._size > MAX_ROW:
                raise too_long(self.line)
            try:
                yield (line.removeprefix(BOM) if self.offset == 0 and number == 1 else line).decode()
            except UnicodeDecodeError as error:
                problem = f"The file is not valid UTF-8 near line {number}. {HINT}"
                raise NotACatalogue(problem, line=number) from error


def _split_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Splits the bytes into lines, with their ends: CR, LF or both."""
    rest = b""
    for piece in pieces:
        lines = (rest + piece).splitlines(keepends=True)
        # The last line may continue in the next piece; so may its end, of which only the CR is in this one.
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        yield from lines
        if len(rest) > MAX_ROW:
            break  # whoever reads it will refuse it
    if rest:
        yield rest


def too_long(line: int) -> ImportTooLarge:
    """The refusal of a file because of its row on this line."""
    return ImportTooLarge(
        f"The row that begins on line {line} is longer than {MAX_ROW} bytes. Is a quotation mark missing?",
        limit=MAX_ROW, line=line,
    )  # fmt: skip


def check_row(columns: list[str], line: int, cells: list[str]) -> Refusal | None:
    """Why a row cannot be a product of a file with these columns; None if it may be one."""
    sku = cells[0]
    if len(cells) != len(columns):
        return Refusal(line, sku, f"The row has {len(cells)} columns instead of {len(columns)}.")
    for name, cell in zip(columns, cells, strict=True):
        if len(cell) > MAX_CELL:
            return Refusal(line, sku, f"{name}: Is longer than {MAX_CELL} characters.")
        if "\0" in cell:
            return Refusal(line, sku, f"{name}: Must not contain control characters.")
    return None


def _storable(text: str) -> str:
    """The text without what PostgreSQL cannot store: NUL, and surrogates without their pair."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
