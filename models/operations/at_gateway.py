"""Invariants that compare the shop's payments with the gateway's."""

from models.operations.invariant import Invariant
from models.operations.refunds import ELSEWHERE

# Orders that changed since the gateway was read, or that are in progress, cannot be compared. A gateway call always
# precedes the row that records it, so the ledger contains everything older than `asked_at`.
LEDGER = f""",
    paid AS (
        SELECT placed.example, placed.status AS order_status, payment.*, {ELSEWHERE} AS elsewhere,
            'pay_' || replace(payment.id::text, '-', '') AS payment_name,
            NOT under_way AND coalesce(updated_at < :asked_at, true) AND NOT EXISTS (
                SELECT FROM payments.transaction WHERE payment_id = payment.id AND status = 'pending'
            ) AS settled
        FROM placed LEFT JOIN payments.payment ON order_id = placed.id
    ),
    ledger AS (
        SELECT * FROM unnest(
            CAST(:references AS text[]), CAST(:orders AS text[]), CAST(:payments AS text[]), CAST(:states AS text[]),
            CAST(:amounts AS bigint[]), CAST(:currencies AS text[]), CAST(:captured AS bigint[]),
            CAST(:refunded AS bigint[])
        ) AS known (reference, order_name, payment_name, state, amount, currency, captured, refunded)
    )"""  # noqa: S608, constants only

AT_GATEWAY = (
    Invariant(
        "the gateway has authorised at most once for a payment",
        "count(*) AS payments, sum(authorised) AS authorised, sum(captured) AS captured",
        # What was asked for before an order could have several payments names the order alone.
        """SELECT order_name AS example, count(*) AS authorised, count(*) FILTER (WHERE state = 'captured') AS captured,
            count(*) > 1 AS bad
        FROM ledger
        WHERE state IN ('authorised', 'captured', 'voided', 'lapsed') AND order_name IS NOT NULL
        GROUP BY order_name, payment_name""",
    ),
    Invariant(
        "the gateway's payments match the shop's",
        "count(*) AS payments, sum(ours) AS held, sum(theirs) AS held_there",
        """SELECT example, NOT coalesce(ledger.amount = paid.amount AND ledger.currency = paid.currency
                AND order_name = example AND coalesce(ledger.payment_name, paid.payment_name) = paid.payment_name
                AND (state = CASE WHEN paid.captured > 0 THEN 'captured' ELSE status END
                        AND (ledger.captured, ledger.refunded) = (paid.captured, paid.refunded)
                    OR state = 'lapsed' AND status IN ('authorised', 'voided')
                    OR state IN ('cancelled', 'declined') AND status IN ('failed', 'voided')
                    OR state IS NULL AND status IN ('failed', 'voided') AND gateway = 'paypal'), false) AS bad,
            CASE WHEN paid.captured > 0 OR status = 'authorised' THEN paid.amount END AS ours,
            CASE WHEN state IN ('authorised', 'captured') THEN ledger.amount END AS theirs
        FROM paid LEFT JOIN ledger USING (reference)
        WHERE settled AND (reference IS NOT NULL OR paid.captured > 0 OR status = 'authorised')""",
    ),
    Invariant(
        "the gateway holds no money without an order",
        "count(*) AS payments, sum(amount) AS held_there",
        """SELECT ledger.reference AS example, ledger.amount, order_status IS NULL OR settled AND (
                order_status IN ('pending', 'cancelled')
                AND CASE state WHEN 'captured' THEN ledger.captured - ledger.refunded ELSE amount END > elsewhere
                OR NOT coalesce(ledger.reference = ANY(known), false)
            ) AS bad
        FROM ledger LEFT JOIN (
            SELECT example, order_status, bool_and(settled) AS settled, array_agg(reference) AS known,
                sum(elsewhere) AS elsewhere
            FROM paid GROUP BY example, order_status
        ) AS ordered ON ordered.example = order_name
        WHERE state = 'authorised' OR state = 'captured' AND captured > ledger.refunded""",
    ),
    # Not an inconsistency: both sides know that the money was authorised. The shop cannot restore the authorisation, so
    # a failing invariant would fail forever. The order is flagged for staff, who decide what to do.
    Invariant(
        "authorisations that have lapsed",
        "count(*) AS lapsed, sum(amount) AS amount",
        """SELECT example, ledger.amount, true AS bad FROM paid JOIN ledger USING (reference)
        WHERE state = 'lapsed' AND (status = 'authorised' OR status = 'voided' AND order_status IN (
            'confirmed', 'processing', 'shipped', 'delivered', 'returned'
        ))""",
        notice=True,
    ),
)
