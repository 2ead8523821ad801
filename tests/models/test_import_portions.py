"""A chunk gives the same products in portions of any size, and each row is noted before it is imported."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from models import catalogue, imports
from models.core.database import transaction
from models.imports import chunks
from tests.models.test_import_reading import FILES, bodies, read_all, stored

ALONE: dict[str, Callable[[int], bool]] = {
    "all": lambda line: True,
    "none": lambda line: False,
    "some": lambda line: 10 <= line <= 13,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("alone", ALONE)
def test_a_chunk_is_the_same_in_portions(
    database: None, monkeypatch: pytest.MonkeyPatch, name: str, alone: str
) -> None:
    monkeypatch.setattr(chunks, "PORTION_ROWS", 4)
    import_id = stored(FILES[name].encode())
    read_all(import_id)
    (body,) = bodies(import_id)
    lines = [row[0] for kind in ("refused", "rows") for row in body[kind]]
    suspect = body["rows"][0][0]
    noted: list[tuple[int, int]] = []

    def note(first: int, last: int) -> None:
        noted.append((first, last))

    with transaction() as session, session.begin_nested() as savepoint:
        whole = imports.import_chunk(session, import_id, 1)
        products = sorted((p.sku, p.title) for p in session.scalars(select(catalogue.Product)))
        savepoint.rollback()
    with transaction() as session:
        given = {"suspects": [suspect], "is_alone": ALONE[alone], "before_each": note}
        parts = imports.import_chunk_in_portions(session, import_id, 1, **given)  # type: ignore[arg-type]
        imported = sorted((p.sku, p.title) for p in session.scalars(select(catalogue.Product)))
    assert [line for first, last in noted for line in lines if first <= line <= last] == lines
    single = {first for first, last in noted if first == last}
    assert single >= {line for line in lines if ALONE[alone](line)} | {suspect}
    assert parts == {**whole, "created": whole["created"] - 1, "refused": whole["refused"] + 1}
    assert len(imported) == len(products) - 1
    assert set(imported) < set(products)
