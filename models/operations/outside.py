"""The invariant of outside reservations."""

from models.operations.invariant import Invariant

# Adjustments by hand have reasons of their own choice, so that the reference has to be that of a reservation, too.
OUTSIDE = (
    Invariant(
        "units of outside reservations agree with their status",
        """count(*) AS reservations, count(*) FILTER (WHERE status = 'held') AS held,
        coalesce(sum(units), 0) AS units, coalesce(sum(moved), 0) AS shipped""",
        """SELECT coalesce(name, reference) AS example, status, units, moved,
            NOT coalesce(
                units = quantity AND agree AND NOT abandoned AND shipped = coalesce(moved, 0)
                AND shipped = CASE status WHEN 'shipped' THEN units ELSE 0 END, false
            ) AS bad
        FROM (
            SELECT 'res_' || replace(outside.id::text, '-', '') AS name, outside.status, units, line.*,
                outside.status = 'held' AND (run.id IS NULL OR run.finished_at IS NOT NULL) AS abandoned
            FROM inventory.outside_reservation AS outside LEFT JOIN workflow.run ON run.id = run_id
            CROSS JOIN LATERAL (
                SELECT sum(quantity) AS quantity, sum(shipped) AS shipped, bool_and(reservation.status =
                    CASE outside.status WHEN 'held' THEN 'reserved' WHEN 'shipped' THEN 'shipped' ELSE 'released' END
                ) AS agree FROM inventory.reservation WHERE order_id = outside.id
            ) AS line
        ) AS known FULL JOIN (
            SELECT reference, -sum(quantity) AS moved FROM inventory.movement
            WHERE reason = 'outside sale' AND starts_with(reference, 'res_') GROUP BY 1
        ) AS gone ON reference = name""",
    ),
)
