"""Invariants of captures, refunds and credit notes. A notice is explained in `audit.py`."""

from models.operations.invariant import Invariant

PAYMENT_INVARIANTS = (
    Invariant(
        "a payment's captured and refunded amounts are the sums of its transactions",
        "count(*) AS payments, sum(captured) AS captured, sum(refunded) AS refunded",
        """SELECT 'pay_' || replace(payment.id::text, '-', '') AS example, captured, refunded,
            captured <> coalesce(taken, 0) OR refunded <> coalesce(given, 0) OR captured > authorised AS bad
        FROM (
            SELECT payment.*, (SELECT sum(amount) FROM payments.transaction AS one
                WHERE one.payment_id = payment.id AND one.status = 'succeeded' AND kind = 'capture') AS taken,
            (SELECT sum(amount) FROM payments.transaction AS one
                WHERE one.payment_id = payment.id AND one.status = 'succeeded' AND kind = 'refund') AS given,
            coalesce((SELECT sum(amount) FROM payments.transaction AS one
                WHERE one.payment_id = payment.id AND one.status = 'succeeded' AND kind = 'authorise'), 0) AS authorised
            FROM payments.payment WHERE captured > 0 OR refunded > 0
        ) AS payment""",
    ),
    Invariant(
        "every pending transaction has a live run",
        "count(*) AS pending",
        """SELECT 'txn_' || replace(transaction.id::text, '-', '') AS example,
            run.id IS NULL OR run.finished_at IS NOT NULL AS bad
        FROM payments.transaction LEFT JOIN workflow.run ON run.id = transaction.run_id
        WHERE transaction.status = 'pending' AND transaction.reference IS NULL""",
    ),
    Invariant(
        "every refund has a credit note",
        "count(*) AS refunds, count(note) AS credited, sum(amount) AS amount",
        """SELECT 'txn_' || replace(given.id::text, '-', '') AS example, given.amount, note.id AS note,
            note.id IS NULL AND (run.id IS NULL OR run.finished_at IS NOT NULL) AS bad
        FROM payments.transaction AS given JOIN payments.payment ON payment.id = given.payment_id
        LEFT JOIN workflow.run ON run.id = given.run_id
        LEFT JOIN orders.credit_note AS note ON note.source IN (
            'txn_' || replace(given.id::text, '-', ''), 'ord_' || replace(payment.order_id::text, '-', '')
        )
        WHERE given.kind = 'refund' AND given.status = 'succeeded'""",
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
)
