"""Invariants of money that was captured: transactions, refunds, also those that failed later, and disputes."""

from models.operations.invariant import Invariant

ELSEWHERE = """(
    SELECT coalesce(sum(amount), 0) FROM payments.transaction AS one WHERE one.payment_id = payment.id AND (
        kind = 'refund' AND (status = 'pending' OR status = 'failed' AND one.reference IS NOT NULL)
        OR kind = 'dispute' AND status NOT IN ('won', 'inquiry')
    )
)"""
"""Captured money of `payment` that was neither refunded nor is left to be: on its way, in a dispute, or owed since its
refund failed, which the notice below lists."""

REFUNDS = (
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
    # An operator may cancel a run whose call is under way; then the provider is asked within some hours.
    Invariant(
        "every pending transaction has a live run or waits for the provider",
        "count(*) AS pending",
        """SELECT 'txn_' || replace(transaction.id::text, '-', '') AS example,
            run.id IS NULL OR run.finished_at < now() - interval '3 hours' AS bad
        FROM payments.transaction LEFT JOIN workflow.run ON run.id = transaction.run_id
        WHERE transaction.status = 'pending' AND transaction.reference IS NULL""",
    ),
    Invariant(
        "a payment is disputed while it has an open dispute",
        "count(*) AS disputes, count(*) FILTER (WHERE open) AS open",
        """SELECT 'pay_' || replace(payment.id::text, '-', '') AS example, open,
            (payment.status = 'disputed') <> coalesce(open, false) AS bad
        FROM payments.payment LEFT JOIN (
            SELECT payment_id, bool_or(status IN ('inquiry', 'needs_response', 'under_review')) AS open
            FROM payments.transaction WHERE kind = 'dispute' GROUP BY 1
        ) AS dispute ON payment_id = payment.id WHERE payment_id IS NOT NULL OR payment.status = 'disputed'""",
    ),
    # A refund that repeats a failed one has no credit note of its own.
    Invariant(
        "what was refunded is credited",
        "count(*) AS orders, sum(refunded) AS refunded, sum(credited) AS credited",
        """SELECT 'ord_' || replace(order_id::text, '-', '') AS example, refunded, credited,
            refunded > coalesce(credited, 0) AND NOT under_way AS bad
        FROM (
            SELECT payment.order_id, sum(given.amount) AS refunded,
                bool_or(run.id IS NOT NULL AND run.finished_at IS NULL) AS under_way
            FROM payments.transaction AS given JOIN payments.payment ON payment.id = given.payment_id
            LEFT JOIN workflow.run ON run.id = given.run_id
            WHERE given.kind = 'refund' AND given.status = 'succeeded' GROUP BY 1
        ) AS given LEFT JOIN (
            SELECT order_id, sum(amount) AS credited FROM orders.credit_note GROUP BY 1
        ) AS noted USING (order_id)""",
    ),
    # Not an inconsistency: the books say that the customer is owed this money. Staff repeat the refund.
    Invariant(
        "refunds that have failed and were not repeated",
        "count(*) AS orders, sum(credited - given) AS owed",
        """SELECT 'ord_' || replace(order_id::text, '-', '') AS example, credited, given, true AS bad
        FROM (
            SELECT payment.order_id, coalesce(sum(one.amount) FILTER (WHERE one.status <> 'failed'), 0) + (
                    SELECT sum(cancelled) FROM payments.payment AS any_of WHERE any_of.order_id = payment.order_id
                ) AS given,
                bool_or(one.status = 'failed' AND one.reference IS NOT NULL) AS failed
            FROM payments.transaction AS one JOIN payments.payment ON payment.id = one.payment_id
            WHERE one.kind = 'refund' GROUP BY 1
        ) AS refunded JOIN (
            SELECT order_id, sum(amount) AS credited FROM orders.credit_note GROUP BY 1
        ) AS noted USING (order_id) WHERE failed AND credited > given""",
        notice=True,
    ),
)
