"""Invariants of parcels' and returns' labels."""

from models.operations.invariant import Invariant

LABELS = (
    Invariant(
        "every parcel that left with a label has a tracking number",
        "count(*) AS parcels",
        """SELECT 'ful_' || replace(id::text, '-', '') AS example, coalesce(tracking_number, '') = '' AS bad
        FROM fulfilment.parcel WHERE shipped_at IS NOT NULL AND label IS NOT NULL""",
    ),
    # The carrier may reject a refund: it is asked for once, and its answer is kept.
    Invariant(
        "a refund is requested for every unused label",
        "count(*) AS labels, count(*) FILTER (WHERE refund = 'rejected') AS rejected",
        """SELECT name AS example, refund,
            refund IS NULL AND (run.id IS NULL OR run.finished_at IS NOT NULL) AS bad
        FROM (
            SELECT 'ful_' || replace(id::text, '-', '') AS name, run_id, label_refund AS refund
            FROM fulfilment.parcel WHERE label IS NOT NULL AND status = 'cancelled'
            UNION ALL
            SELECT 'ret_' || replace(id::text, '-', ''), run_id, label_refund FROM returns.return
            WHERE label IS NOT NULL AND status = 'closed' AND received_at IS NULL
        ) AS unused LEFT JOIN workflow.run ON run.id = unused.run_id""",
    ),
)
