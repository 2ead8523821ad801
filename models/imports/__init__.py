"""Catalogue files: what they say, and how it gets into the shop."""

from models.imports.csv_file import OURS, NotACatalogue, Refusal, Row, Sheet
from models.imports.export import exported_after
from models.imports.native_csv import harmless
from models.imports.store import (
    FIRST,
    begin,
    chunk_numbers,
    finish,
    get,
    imports,
    refusals_after,
    rows_of,
    take,
    take_chunk,
)
from models.imports.tables import Chunk, Import, Refused

__all__ = [
    "FIRST",
    "OURS",
    "Chunk",
    "Import",
    "NotACatalogue",
    "Refusal",
    "Refused",
    "Row",
    "Sheet",
    "begin",
    "chunk_numbers",
    "exported_after",
    "finish",
    "get",
    "harmless",
    "imports",
    "refusals_after",
    "rows_of",
    "take",
    "take_chunk",
]
