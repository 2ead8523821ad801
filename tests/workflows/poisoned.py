"""The application with bugs: rows with the SKUs POISON… kill their worker, BUG… raise an exception, HANG… never end.

With the environment variable SLOW, no attempt has the time to import each row alone.
"""

import os
import signal
from typing import Any

from models.catalogue import BUILT_IN_KINDS, Kinds
from models.imports import native_csv
from tasks import catalogue
from workflows.app import app

__all__ = ["app"]

_parse_row = native_csv.parse_row


def parse_row(columns: list[str], line: int, cells: list[str], kinds: Kinds = BUILT_IN_KINDS) -> Any:
    sku = cells[columns.index("sku")]
    if sku.startswith("POISON"):
        os.kill(os.getpid(), signal.SIGKILL)
    if sku.startswith("BUG"):
        raise ZeroDivisionError(sku)
    while sku.startswith("HANG"):
        pass
    return _parse_row(columns, line, cells, kinds)


native_csv.parse_row = parse_row
if "SLOW" in os.environ:
    catalogue.ALONE_FOR = 0.0
