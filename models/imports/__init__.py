"""Catalogue imports and exports."""

from models.imports.chunks import drop_chunk, import_chunk, import_chunk_in_portions, parse_rows
from models.imports.csv_file import NATIVE_COLUMNS, Row, check_head
from models.imports.csv_rows import ImportTooLarge, NotACatalogue, Refusal, Rows, check_row
from models.imports.ending import cancel_import, close_import, finish_import
from models.imports.export import export_page
from models.imports.queries import (
    MAX_LISTED_REFUSALS,
    count_so_far,
    get,
    list_columns_not_taken,
    list_refusals,
    select_imports,
)
from models.imports.reading import read_slice
from models.imports.tables import IMPORT_STATUS, Chunk, Import, Piece, Refused, Repeat, SeenSku
from models.imports.uploads import start_import

__all__ = [
    "IMPORT_STATUS",
    "MAX_LISTED_REFUSALS",
    "NATIVE_COLUMNS",
    "Chunk",
    "Import",
    "ImportTooLarge",
    "NotACatalogue",
    "Piece",
    "Refusal",
    "Refused",
    "Repeat",
    "Row",
    "Rows",
    "SeenSku",
    "cancel_import",
    "check_head",
    "check_row",
    "close_import",
    "count_so_far",
    "drop_chunk",
    "export_page",
    "finish_import",
    "get",
    "import_chunk",
    "import_chunk_in_portions",
    "list_columns_not_taken",
    "list_refusals",
    "parse_rows",
    "read_slice",
    "select_imports",
    "start_import",
]
