"""Invariants of catalogue imports."""

from models.operations.invariant import Invariant

IMPORTS = (
    Invariant(
        "an ended import accounts for each of its rows",
        """count(*) AS imports, sum(rows) AS rows, sum(created + updated + unchanged) AS imported,
            sum(refused) AS refused, sum(dropped) AS dropped""",
        """SELECT 'imp_' || replace(import.id::text, '-', '') AS example, rows, created, updated, unchanged, refused,
            dropped, import.finished_at IS NULL OR rows <> created + updated + unchanged + refused + dropped
                OR refused > 0 AND refused <> (
                    SELECT count(*) FROM catalogue.import_refusal WHERE import_id = import.id
                ) AS bad
        FROM catalogue.import LEFT JOIN workflow.run ON run.id = run_id
        WHERE import.finished_at IS NOT NULL OR run.id IS NULL OR run.finished_at IS NOT NULL""",
    ),
    Invariant(
        "files are kept only while they are imported",
        "count(*) FILTER (WHERE size > 0) AS files",
        """SELECT 'imp_' || replace(id::text, '-', '') AS example, size, coalesce(
                status <> 'reading' AND EXISTS (SELECT FROM catalogue.import_piece WHERE import_id = id)
                OR status <> 'reading' AND EXISTS (SELECT FROM catalogue.import_sku WHERE import_id = id)
                OR finished_at IS NOT NULL AND EXISTS (SELECT FROM catalogue.import_chunk WHERE import_id = id)
                OR finished_at IS NOT NULL AND EXISTS (SELECT FROM catalogue.import_repeat WHERE import_id = id), false
            ) AS bad
        FROM catalogue.import""",
    ),
)
