"""Catalogue imports and exports."""

from models.imports.csv_file import NATIVE_COLUMNS, CsvFile, NotACatalogue, Refusal, Row
from models.imports.export import export_page
from models.imports.store import (
    MAX_LISTED_REFUSALS,
    finish_import,
    get,
    import_chunk,
    import_rows,
    list_chunk_numbers,
    list_refusals,
    read_rows,
    select_imports,
    start_import,
)
from models.imports.tables import Chunk, Import, Refused

__all__ = [
    "MAX_LISTED_REFUSALS",
    "NATIVE_COLUMNS",
    "Chunk",
    "CsvFile",
    "Import",
    "NotACatalogue",
    "Refusal",
    "Refused",
    "Row",
    "export_page",
    "finish_import",
    "get",
    "import_chunk",
    "import_rows",
    "list_chunk_numbers",
    "list_refusals",
    "read_rows",
    "select_imports",
    "start_import",
]
