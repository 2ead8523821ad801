"""Every CSV file that the shop writes is safe to open in a spreadsheet."""

import csv
import io
import re
from pathlib import Path

import pytest

import models
from models.core.csv import encode, unescape_formula

ROOT = Path(models.__path__[0]).parent
PACKAGES = ("api", "cli", "local", "models", "monitoring", "relay", "tasks", "workflows")
WRITERS = re.compile(r"csv\.writer|DictWriter|text/csv|write_formula|\.write\(\d|\.write_row\(")
"""What writes CSV, or a cell of a workbook whose type the library guesses."""
STARTS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001


@pytest.mark.parametrize("text", [f"{prefix}{start}1+1" for prefix in ("", "'", "''") for start in STARTS])
def test_a_formula_is_escaped_wherever_it_stands(text: str) -> None:
    [row] = csv.reader(io.StringIO(encode([(1, text, None, -2)]), newline=""))
    assert row == ["1", f"'{text}", "", "-2"]
    assert unescape_formula(row[1]) == text


def test_nothing_else_writes_csv() -> None:
    """What serves CSV takes it from a producer that uses `encode`; nothing uses a writer of its own."""
    found = {
        f"{path.relative_to(ROOT)}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if WRITERS.search(path.read_text())
    }
    serving = {name for name in found if name.startswith("api/")} - {"api/docs/descriptions.py"}  # names the type
    assert found - serving == {"models/core/csv.py", "api/docs/descriptions.py"}
    for name in serving:
        source = (ROOT / name).read_text()
        assert not re.search(r"csv\.writer|DictWriter", source), name
        assert re.search(r"_rows\(|rows_of\(|takes_files", source), f"{name}: where does its CSV come from?"
