"""A report as CSV (RFC 4180) and as a workbook (XLSX), a page of lines at a time.

Money is in major units of the shop's currency, which spreadsheets and people expect; texts are no formulas.
"""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

import xlsxwriter
from babel.numbers import get_currency_precision

from models.core.csv import encode, escape_formula
from models.core.database import transaction
from models.core.errors import Conflict
from models.reports.kinds import Column
from models.reports.reading import lines_after
from models.reports.tables import Line, Report
from models.reports.writing import KINDS
from settings import settings

CSV_PAGE = 2000
SHEET_ROWS = 100_000
"""Lines of the largest workbook. It is written in about ten seconds."""
_FORMATS = {"date": "yyyy-mm-dd", "money": "#,##0.00", "share": "0.0 %", "number": "#,##0.0#", "integer": "#,##0"}


def file_name(report: Report, ending: str) -> str:
    """`levels-2026-11-22-rep_….csv`; the day is the last one of the period."""
    return f"{report.kind}-{report.period_end:%Y-%m-%d}-{report.id}.{ending}"


def csv_rows(report: Report) -> Iterator[str]:
    """Yields the CSV, header first. Each page has its own transaction, because clients can be slow."""
    kind = KINDS[report.kind]
    yield encode([[_header(column) for column in kind.columns]])
    for lines in _pages(report):
        yield encode([[_cell(column, line) for column in kind.columns] for line in lines])


def workbook(report: Report) -> IO[bytes]:
    """The report as an open temporary file, at its beginning. Raises Conflict `report_too_large`."""
    if report.rows > SHEET_ROWS:
        detail = f"The report has {report.rows} lines; a workbook has at most {SHEET_ROWS}. Read the CSV instead."
        raise Conflict(detail, code="report_too_large", rows=report.rows)
    file = TemporaryFile()  # noqa: SIM115, the caller closes it
    # Each row is written to the disk before the next; no text becomes a formula or a link.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        _fill(book, report)
    file.seek(0)
    return file


def _fill(book: xlsxwriter.Workbook, report: Report) -> None:
    kind, bold = KINDS[report.kind], book.add_format({"bold": True})
    formats = {type_: book.add_format({"num_format": form}) for type_, form in _FORMATS.items()}
    sheet = book.add_worksheet(kind.name)
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(kind.columns):
        sheet.set_column(place, place, 30 if column.name in ("title", "name") else 15, formats.get(column.type))
        sheet.write_string(0, place, _header(column), bold)
    number = 0
    for lines in _pages(report):
        for line in lines:
            number += 1
            for place, column in enumerate(kind.columns):
                value = _cell(column, line)
                if isinstance(value, str):
                    sheet.write_string(number, place, escape_formula(value))  # it may be saved as CSV
                elif value is not None:
                    sheet.write_number(number, place, value, formats.get(column.type))


def _pages(report: Report) -> Iterator[list[Line]]:
    last = None
    while True:
        with transaction() as session:
            lines = lines_after(session, report.id, last, CSV_PAGE)
        if not lines:
            return
        yield lines
        last = lines[-1]


def _header(column: Column) -> str:
    return f"{column.name} ({settings.currency})" if column.type == "money" else column.name


def _cell(column: Column, line: Line) -> str | int | float | None:
    value: str | int | float | None = line.cells.get(column.name)
    if value is None:
        return None
    if column.type == "money":
        return float(round(value / 10 ** get_currency_precision(settings.currency), 4))
    if column.type == "flag":
        return "yes" if value else "no"
    return value
