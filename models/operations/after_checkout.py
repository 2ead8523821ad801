"""Invariants of what follows a checkout: credit notes, parcels and returns."""

from models.operations.invariant import Invariant

AFTER_CHECKOUT = (
    Invariant(
        "every replacement order belongs to a received return and costs nothing",
        "count(*) AS replacements",
        """SELECT 'ord_' || replace(placed.id::text, '-', '') AS example,
            total <> 0 OR made.received_at IS NULL OR made.replacement_order_id IS DISTINCT FROM placed.id AS bad
        FROM orders."order" AS placed LEFT JOIN returns.return AS made ON made.id = placed.return_id
        WHERE placed.return_id IS NOT NULL""",
    ),
    Invariant(
        "payments wait for their customers only during the checkout",
        "count(*) AS waiting, sum(amount) AS amount",
        """SELECT 'pay_' || replace(payment.id::text, '-', '') AS example, amount,
            status <> 'action_required' OR next_action IS NULL OR NOT EXISTS (
                SELECT FROM workflow.run WHERE workflow = 'checkout' AND finished_at IS NULL
                AND key = 'ord_' || replace(payment.order_id::text, '-', '')
            ) AS bad
        FROM payments.payment WHERE status = 'action_required' OR next_action IS NOT NULL""",
    ),
    Invariant(
        "a reconciliation counts its differences",
        "count(*) AS reconciliations, sum(counted) AS differences",
        """SELECT 'rec_' || replace(made.id::text, '-', '') AS example, counted,
            counted <> (counts->>'differences')::int OR (counted > 0) <> (status = 'differences')
            OR repaired <> (counts->>'repaired')::int AS bad
        FROM payments.reconciliation AS made CROSS JOIN LATERAL (
            SELECT count(*) AS counted, count(*) FILTER (WHERE repair = 'done') AS repaired
            FROM payments.difference WHERE reconciliation_id = made.id
        ) AS found""",
    ),
    Invariant(
        "credit note numbers have no gaps",
        "count(*) AS years, sum(issued) AS credit_notes, sum(last) AS numbers",
        """SELECT year::text AS example, issued, last,
            issued IS DISTINCT FROM last OR highest IS DISTINCT FROM last AS bad
        FROM orders.credit_note_counter FULL JOIN (
            SELECT substr(split_part(number, '-', 1), 2)::int AS year, count(*) AS issued,
                max(split_part(number, '-', 2)::int) AS highest
            FROM orders.credit_note GROUP BY 1
        ) AS numbered USING (year)""",
    ),
    Invariant(
        "no more is credited than was invoiced",
        "count(*) AS orders, sum(credited) AS credited",
        """SELECT 'ord_' || replace(placed.id::text, '-', '') AS example, credited,
            credited > placed.total OR placed.confirmed_at IS NULL AS bad
        FROM (SELECT order_id, sum(amount) AS credited FROM orders.credit_note GROUP BY 1) AS noted
        JOIN orders."order" AS placed ON placed.id = order_id""",
    ),
    Invariant(
        "cancelled pieces of an order are neither captured nor left uncredited",
        "count(*) AS orders, sum(worth) AS worth, sum(cancelled) AS not_captured, sum(refunded) AS refunded",
        """SELECT 'ord_' || replace(placed.id::text, '-', '') AS example, worth, paid.cancelled, refunded,
            paid.cancelled > worth OR paid.captured > placed.total - paid.cancelled
            OR credited < paid.cancelled + refunded AND NOT EXISTS (
                SELECT FROM workflow.run WHERE finished_at IS NULL
                AND input ->> 'order_id' = 'ord_' || replace(placed.id::text, '-', '')
            ) AS bad
        FROM orders."order" AS placed JOIN (
            SELECT order_id, sum(cancelled * unit_price) AS worth FROM orders.line WHERE cancelled > 0 GROUP BY 1
        ) AS gone ON gone.order_id = placed.id
        JOIN (
            SELECT order_id, sum(cancelled) AS cancelled, sum(captured) AS captured, sum(refunded) AS refunded
            FROM payments.payment GROUP BY 1
        ) AS paid ON paid.order_id = placed.id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(amount), 0) AS credited FROM orders.credit_note WHERE order_id = placed.id
        ) AS noted ON true""",
    ),
    Invariant(
        "goods in parcels that have left are sold stock",
        "count(*) AS lines, sum(packed) AS packed, sum(sold) AS sold",
        """SELECT coalesce(parcel, reference) AS example, packed, sold, packed IS DISTINCT FROM sold AS bad
        FROM (
            SELECT 'ful_' || replace(parcel.id::text, '-', '') AS parcel, product_id, quantity AS packed
            FROM fulfilment.parcel JOIN fulfilment.parcel_line ON parcel_id = parcel.id
            WHERE shipped_at IS NOT NULL
        ) AS inside FULL JOIN (
            SELECT reference, product_id, -quantity AS sold FROM inventory.movement WHERE reason = 'sale'
        ) AS moved ON moved.reference = inside.parcel AND moved.product_id = inside.product_id""",
    ),
    Invariant(
        "what has left of a reservation is in parcels",
        "count(*) AS reservations, sum(shipped) AS shipped",
        """SELECT 'ord_' || replace(order_id::text, '-', '') AS example, shipped,
            shipped <> coalesce((
                SELECT sum(inside.quantity) FROM fulfilment.parcel
                JOIN fulfilment.parcel_line AS inside ON inside.parcel_id = parcel.id
                WHERE parcel.order_id = held.order_id AND parcel.warehouse_id = held.warehouse_id
                AND inside.product_id = held.product_id AND shipped_at IS NOT NULL
            ), 0) AS bad
        FROM inventory.reservation AS held WHERE shipped > 0
        AND NOT EXISTS (SELECT FROM inventory.outside_reservation AS outside WHERE outside.id = held.order_id)""",
    ),
    Invariant(
        "every parcel has ended or a run takes care of it",
        "count(*) AS parcels, count(*) FILTER (WHERE status = 'delivered') AS delivered",
        """SELECT 'ful_' || replace(parcel.id::text, '-', '') AS example, parcel.status,
            parcel.status IN ('pending', 'label_bought') AND (ships.id IS NULL OR ships.finished_at IS NOT NULL)
            OR parcel.status IN ('shipped', 'in_transit') AND (awaits.id IS NULL OR awaits.finished_at IS NOT NULL)
            AS bad
        FROM fulfilment.parcel LEFT JOIN workflow.run AS ships ON ships.id = parcel.run_id
        LEFT JOIN workflow.run AS awaits ON awaits.id = parcel.delivery_run_id""",
    ),
    Invariant(
        "an order's number of parcels is that of those that were not cancelled",
        "count(*) AS orders, sum(parcels) AS parcels",
        """SELECT 'ord_' || replace(placed.id::text, '-', '') AS example, parcels, parcels <> made AS bad
        FROM orders."order" AS placed JOIN (
            SELECT order_id, count(*) FILTER (WHERE status <> 'cancelled') AS made FROM fulfilment.parcel GROUP BY 1
        ) AS counted ON order_id = placed.id""",
    ),
    Invariant(
        "received returns are in stock or written off",
        "count(*) AS lines, sum(came) AS received, sum(moved) AS moved",
        """SELECT coalesce(name, reference) AS example, came, moved, came IS DISTINCT FROM moved AS bad
        FROM (
            SELECT 'ret_' || replace(made.id::text, '-', '') AS name, product_id, resellable + damaged AS came
            FROM returns.return AS made JOIN returns.return_line ON return_id = made.id
            WHERE received_at IS NOT NULL AND refund IS NOT NULL AND resellable + damaged > 0
        ) AS inside FULL JOIN (
            SELECT reference, product_id, quantity AS moved FROM inventory.movement WHERE reason = 'return'
        ) AS moved ON moved.reference = inside.name AND moved.product_id = inside.product_id""",
    ),
    Invariant(
        "every notification was sent or refused when its run succeeded",
        "count(*) AS pending",
        """SELECT 'ntf_' || replace(told.id::text, '-', '') AS example, coalesce(run.status = 'succeeded', false) AS bad
        FROM notifications.notification AS told LEFT JOIN workflow.run
            ON run.workflow = split_part(told.key, ':', 1) AND run.key = substr(told.key, strpos(told.key, ':') + 1)
        WHERE told.sent_at IS NULL AND told.fault IS NULL AND told.held IS NULL""",
    ),
    Invariant(
        "every open return has a live run",
        "count(*) AS open",
        """SELECT 'ret_' || replace(made.id::text, '-', '') AS example,
            run.id IS NULL OR run.finished_at IS NOT NULL AS bad
        FROM returns.return AS made LEFT JOIN workflow.run ON run.id = made.run_id
        WHERE made.status IN ('requested', 'approved', 'in_transit', 'received')""",
    ),
)
