"""The migration after which workers read imports, of a database with imports."""

from uuid import UUID

from sqlalchemy import create_engine, text

from tests.models.test_migrations import alembic, database

__all__ = ["database"]

BEFORE = "5e0d00000001"


def test_imports_in_progress_continue_and_cancelled_ones_end(database: str) -> None:
    """Imports of the release that read files in the API: in progress, ended, cancelled, and cancelled long ago."""
    alembic(database, "upgrade", BEFORE)
    engine = create_engine(database)
    with engine.begin() as connection:
        for number, run in enumerate(("running", "succeeded", "cancelled", None), 1):
            about = {"id": UUID(int=number), "run": run, "ended": run == "succeeded"}
            statement = """INSERT INTO catalogue.import
                (id, run_id, owner, format, sha256, options, rows, skipped, created, finished_at)
                VALUES (:id, :id, :id, 'shopflow', 'x', '{}', 5, 0, CASE WHEN :ended THEN 5 ELSE 0 END,
                    CASE WHEN :ended THEN now() END)"""
            connection.execute(text(statement), about)
            chunk = text("INSERT INTO catalogue.import_chunk (import_id, number, body) VALUES (:id, 1, '[]')")
            connection.execute(chunk, about)
            if run is not None:
                statement = """INSERT INTO workflow.run (id, workflow, key, status, input, lease_until, finished_at)
                    VALUES (:id, 'catalogue_import', CAST(:id AS text), CAST(:run AS text), '{}', now(),
                        CASE WHEN :run <> 'running' THEN now() END)"""
                connection.execute(text(statement), about)
    alembic(database, "upgrade", "13c000000001")
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT status, dropped, finished_at IS NOT NULL, owner IS NULL FROM catalogue.import ORDER BY id")
        ).all()
        assert [tuple(row) for row in found] == [
            ("importing", 0, False, False), ("imported", 0, True, False), ("cancelled", 5, True, False),
            ("cancelled", 5, True, False),
        ]  # fmt: skip
        assert connection.scalars(text("SELECT import_id FROM catalogue.import_chunk")).all() == [UUID(int=1)]
    alembic(database, "downgrade", BEFORE)
    alembic(database, "upgrade", "head")
    engine.dispose()


def test_a_file_that_is_being_read_is_read_on(database: str) -> None:
    """Its SKUs were seen by the release that did not know with which chunk."""
    alembic(database, "upgrade", "13f000000002")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO catalogue.import (id, run_id, status, format, sha256, options, rows, skipped)
            VALUES (:id, :id, 'reading', 'shopflow', 'x', '{}', 5, 0)"""), {"id": UUID(int=1)},
        )  # fmt: skip
        seen = text("INSERT INTO catalogue.import_sku (import_id, sku, line) VALUES (:id, 'A', 2)")
        connection.execute(seen, {"id": UUID(int=1)})
    alembic(database, "upgrade", "14v000000001")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT sku, line, chunk, repeats FROM catalogue.import_sku")).all() == [
            ("A", 2, 0, 0)
        ]
        assert connection.scalar(text("SELECT not_taken FROM catalogue.import")) == {}
    alembic(database, "downgrade", "13f000000002")
    alembic(database, "upgrade", "head")
    engine.dispose()
