"""Catalogue files: what they say, and how it gets into the shop."""

from models.imports.csv_file import OURS, CsvFile, NotACatalogue, Refusal, Row
from models.imports.export import export_page
from models.imports.store import (
    FIRST,
    begin,
    finish_import,
    get,
    import_chunk,
    import_rows,
    list_chunk_numbers,
    list_refusals,
    read_rows,
    select_imports,
)
from models.imports.tables import Chunk, Import, Refused

__all__ = [
    "FIRST",
    "OURS",
    "Chunk",
    "CsvFile",
    "Import",
    "NotACatalogue",
    "Refusal",
    "Refused",
    "Row",
    "begin",
    "export_page",
    "finish_import",
    "get",
    "import_chunk",
    "import_rows",
    "list_chunk_numbers",
    "list_refusals",
    "read_rows",
    "select_imports",
]
