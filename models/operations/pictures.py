"""Invariants of pictures. Whether their files are in the store: `monitoring/invariants.py`."""

from models.operations.invariant import Invariant

PICTURES = (
    Invariant(
        "every picture is ready, failed or in progress",
        """count(*) AS pictures, count(*) FILTER (WHERE status = 'ready') AS ready,
            count(*) FILTER (WHERE status = 'failed') AS failed""",
        """SELECT 'pic_' || replace(picture.id::text, '-', '') AS example, picture.status,
            picture.status IN ('processing', 'removed') AND NOT EXISTS (
                SELECT FROM workflow.run WHERE finished_at IS NULL AND (run.id = picture.run_id OR (
                    workflow = 'picture_removal' AND key = 'pic_' || replace(picture.id::text, '-', '')
                ))
            ) AS bad
        FROM pictures.picture""",
    ),
    Invariant(
        "every ready picture has a file for each of its sources",
        "count(*) AS pictures, sum(shown) AS sources, sum(stored) AS files",
        """SELECT example, shown, stored, shown = 0 OR shown <> stored OR missing > 0 AS bad FROM (
            SELECT 'pic_' || replace(id::text, '-', '') AS example, jsonb_array_length(sources) AS shown,
                (SELECT count(*) FROM jsonb_object_keys(files)) AS stored, (
                    SELECT count(*) FROM jsonb_array_elements(sources) AS source
                    WHERE NOT files ? split_part(source ->> 'url', '/', 5)
                ) AS missing
            FROM pictures.picture WHERE status = 'ready'
        ) AS counted""",
    ),
    Invariant(
        "uploads are kept only while they are processed",
        "count(*) AS uploads",
        """SELECT 'pic_' || replace(picture.id::text, '-', '') AS example, picture.status IN ('ready', 'failed') AS bad
        FROM pictures.upload JOIN pictures.picture ON picture.id = picture_id""",
    ),
)
