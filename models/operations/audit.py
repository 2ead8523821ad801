"""The shop's invariants, on its books, its orders, and its payments at the gateway.

They also hold for orders whose run was deleted by retention; notifications are checked only while they are retained.

The audit runs while the shop is in operation: an order with a live run may not satisfy an invariant yet, and is
excluded where that is the case.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.operations import audit_log
from models.operations.after_checkout import AFTER_CHECKOUT
from models.operations.at_gateway import AT_GATEWAY, LEDGER
from models.operations.events import EVENTS
from models.operations.imports import IMPORTS
from models.operations.invariant import Invariant
from models.operations.labels import LABELS
from models.operations.messages import MESSAGES
from models.operations.outside import OUTSIDE
from models.operations.people import PEOPLE
from models.operations.pictures import PICTURES
from models.operations.refunds import ELSEWHERE, REFUNDS
from models.operations.sales import DAILY_SALES
from models.operations.stock import STOCK
from settings import settings

EXAMPLES = 5  # violations of each invariant that are named
OVERDUE = 60.0  # seconds after which a due run without a dispatcher counts as abandoned


@dataclass(frozen=True)
class Finding:
    """The result of an invariant. `examples`: the first few objects that violate it; `count`: how many do.

    A notice is a finding that is always ok; its examples are objects that an operator should look into.
    """

    name: str
    ok: bool
    figures: dict[str, int]
    examples: list[str]
    count: int = field(default=0, compare=False)


@dataclass(frozen=True)
class ProviderPayment:
    """A payment at the gateway. `state`: `authorised`, `captured`, `voided` or `lapsed`; other states never held money.
    `lapsed`: the authorisation has expired at the gateway without capture; `cancelled`: it
    was given up before the bank had said anything."""

    reference: str
    order_id: str | None
    payment_id: str | None
    state: str
    amount: int
    currency: str
    captured: int = 0
    refunded: int = 0


@dataclass(frozen=True)
class Ledger:
    """All payments at the gateway. `asked_at`: the database's time before the first was read."""

    asked_at: datetime
    payments: Sequence[ProviderPayment]


_PLACED = """
    WITH placed AS (
        SELECT placed.*, 'ord_' || replace(placed.id::text, '-', '') AS example,
            placed.status IN ('confirmed', 'processing', 'shipped', 'delivered', 'returned') AS firm,
            run.id IS NOT NULL AND run.finished_at IS NULL OR EXISTS (
                SELECT FROM workflow.run AS later WHERE later.workflow = 'cancellation' AND later.finished_at IS NULL
                AND later.key = 'ord_' || replace(placed.id::text, '-', '')
            ) AS under_way
        FROM orders."order" AS placed LEFT JOIN workflow.run ON run.id = placed.run_id
    )"""
_HOLDS = "status IN ('authorised', 'partially_captured', 'captured', 'partially_refunded', 'refunded', 'disputed')"
"""Statuses of payments whose money was authorised and not released."""

_BOOKS = (
    Invariant(
        "every run has ended or is leased",
        "count(*) AS runs, count(*) FILTER (WHERE finished_at IS NULL) AS under_way",
        """SELECT finished_at, 'run_' || replace(id::text, '-', '') AS example,
            finished_at IS NULL AND lease_until < now() - make_interval(secs => :overdue) AS bad FROM workflow.run""",
    ),
    Invariant(
        "no run is failed or stuck",
        "count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status <> 'failed') AS stuck",
        """SELECT status, 'run_' || replace(id::text, '-', '') AS example, true AS bad FROM workflow.run
        WHERE status = 'failed' OR finished_at IS NULL AND stuck_at IS NOT NULL""",
    ),
    Invariant(
        "dispatchers sweep",
        "count(*) AS dispatchers",
        """SELECT name AS example, max(swept_at) OVER () < now() - make_interval(secs => :overdue) AS bad
        FROM workflow.dispatcher""",
    ),
    Invariant(
        "every cart can be checked out or has a checkout in progress",
        "count(*) AS carts",
        """SELECT example, NOT under_way AS bad FROM carts.cart JOIN placed ON placed.id = cart.order_id""",
    ),
    Invariant(
        "every order has ended or is in progress",
        """count(*) AS orders, count(*) FILTER (WHERE firm) AS confirmed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled, count(*) FILTER (WHERE under_way) AS under_way""",
        "SELECT *, status = 'pending' AND NOT under_way AS bad FROM placed",
    ),
    Invariant(
        "every order's total is the sum of its lines",
        "count(*) AS orders, sum(total) AS totals, sum(lines) AS lines",
        """SELECT example, total, lines, total IS DISTINCT FROM lines AS bad FROM placed LEFT JOIN (
            SELECT order_id, sum(quantity * unit_price) AS lines FROM orders.line GROUP BY order_id
        ) AS summed ON order_id = placed.id""",
    ),
    Invariant(
        "every confirmed order is paid once",
        """count(*) AS confirmed, count(*) FILTER (WHERE has_lapsed) AS lapsed, sum(total) AS totals,
            sum(amount) AS held""",
        f"""SELECT example, total, amount, has_lapsed, NOT has_lapsed
                AND NOT coalesce(amount = total AND currencies = ARRAY[placed.currency] AND once, false) AS bad
        FROM placed LEFT JOIN (
            SELECT order_id, sum(amount) AS amount, array_agg(DISTINCT currency) AS currencies, bool_and(1 = (
                SELECT count(*) FROM payments.transaction
                WHERE payment_id = payment.id AND kind = 'authorise' AND status = 'succeeded'
            )) AS once
            FROM payments.payment WHERE {_HOLDS} GROUP BY order_id
        ) AS held ON held.order_id = placed.id CROSS JOIN LATERAL (
            SELECT amount IS NULL AND EXISTS (
                SELECT FROM payments.payment JOIN payments.transaction AS done ON done.payment_id = payment.id
                WHERE payment.order_id = placed.id AND done.kind = 'void'
                AND done.error->>'code' = 'authorisation_lapsed'
            ) AS has_lapsed
        ) AS ended WHERE firm""",  # noqa: S608, constants only
    ),
    Invariant(
        "exactly the confirmed orders have an invoice",
        "count(*) FILTER (WHERE billable) AS confirmed, count(number) AS invoices",
        """SELECT example, billable, invoice.number, billable <> (invoice.id IS NOT NULL) AS bad
        FROM (SELECT *, firm OR confirmed_at IS NOT NULL AS billable FROM placed) AS ordered
        LEFT JOIN orders.invoice ON invoice.order_id = ordered.id""",
    ),
    Invariant(
        "invoice numbers have no gaps",
        "count(*) AS years, sum(issued) AS invoices, sum(last) AS numbers",
        """SELECT year::text AS example, issued, last,
            issued IS DISTINCT FROM last OR highest IS DISTINCT FROM last AS bad
        FROM orders.invoice_counter FULL JOIN (
            SELECT split_part(number, '-', 1)::int AS year, count(*) AS issued,
                max(split_part(number, '-', 2)::int) AS highest
            FROM orders.invoice GROUP BY 1
        ) AS numbered USING (year)""",
    ),
    Invariant(
        "every line of a confirmed order is allocated",
        "count(quantity) AS lines, sum(quantity) AS pieces, sum(allocated) AS allocated",
        """SELECT coalesce(sold.example, held.example) AS example, quantity, allocated,
            quantity IS DISTINCT FROM allocated AS bad
        FROM (
            SELECT example, order_id, product_id, quantity - cancelled AS quantity
            FROM orders.line JOIN placed ON placed.id = order_id WHERE firm AND NOT under_way AND quantity > cancelled
        ) AS sold FULL JOIN (
            SELECT example, order_id, product_id,
                coalesce(sum(quantity) FILTER (WHERE reservation.status IN ('allocated', 'shipped')), 0) AS allocated
            FROM (
                SELECT order_id, product_id, quantity, status FROM inventory.reservation UNION ALL
                SELECT order_id, product_id, quantity - filled, 'allocated' FROM inventory.backorder
                WHERE status = 'waiting'
            ) AS reservation JOIN placed ON placed.id = order_id
            WHERE firm AND NOT under_way AND reservation.status <> 'released' GROUP BY 1, 2, 3
        ) AS held USING (order_id, product_id)""",
    ),
    Invariant(
        "a cancelled order holds neither stock nor money",
        "count(*) AS cancelled, sum(pieces) AS reserved, sum(amount) AS held",
        f"""SELECT example, pieces, amount, pieces IS NOT NULL OR amount IS NOT NULL AS bad
        FROM placed LEFT JOIN (
            SELECT order_id, sum(quantity) AS pieces FROM (
                SELECT order_id, quantity, status FROM inventory.reservation UNION ALL
                SELECT order_id, quantity, 'reserved' FROM inventory.backorder WHERE status IN ('reserved', 'waiting')
            ) AS held WHERE status IN ('reserved', 'allocated') GROUP BY order_id
        ) AS reserved ON reserved.order_id = placed.id
        LEFT JOIN (
            SELECT order_id, sum(amount) AS amount FROM payments.payment
            WHERE status = 'authorised' OR captured > refunded + {ELSEWHERE} GROUP BY order_id
        ) AS held ON held.order_id = placed.id
        WHERE placed.status = 'cancelled' AND NOT under_way""",  # noqa: S608, constants only
    ),
    *REFUNDS,
    *AFTER_CHECKOUT,
    *OUTSIDE,
    *LABELS,
    *EVENTS,
    *DAILY_SALES,
    *MESSAGES,
    *PEOPLE,
    *IMPORTS,
    *PICTURES,
    Invariant(
        "every customer was notified of the order's result",
        "count(*) AS ended, count(sent_at) AS sent, count(fault) AS refused, count(held) AS held",
        """SELECT example, sent_at, fault, held,
            (sent_at IS NULL AND fault IS NULL AND held IS NULL OR replace(kind, 'payment_failed', 'order_cancelled') <>
            CASE WHEN confirmed_at IS NULL THEN 'order_cancelled' ELSE 'order_confirmed' END) AS bad
        FROM placed LEFT JOIN notifications.notification AS told ON told.key = 'checkout:' || example
        WHERE NOT under_way AND status <> 'pending' AND return_id IS NULL
            AND placed.created_at > now() - make_interval(days => :mails_kept)""",
    ),
)


def audit(session: Session, ledger: Ledger | None, *, examples: int | None = EXAMPLES) -> list[Finding]:
    """Checks every invariant on one snapshot of the database. Amounts are in minor units.

    `ledger`: None leaves out what compares the books with the gateway's. `examples`: how many violations of each
    invariant are named; None: all. Read-only. Must be the first use of its transaction; `ledger` must have been read
    before it.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    figures, faults = audit_log.verify(session)
    log = Finding(audit_log.NAME, figures["wrong"] == 0, figures, faults[:examples], figures["wrong"])
    books = [*check(session, _BOOKS, examples=examples), log, *check(session, STOCK, examples=examples)]
    if ledger is None:
        return books
    values = {"asked_at": ledger.asked_at, **_columns(ledger.payments)}
    given = _PLACED + LEDGER
    return [*books, *(_check(session, each, given, values, examples) for each in AT_GATEWAY)]


def check(
    session: Session, invariants: Iterable[Invariant], *, examples: int | None = EXAMPLES
) -> list[Finding]:  # fmt: skip
    """Checks invariants of the shop's own books in the caller's transaction."""
    bounds = {
        "overdue": OVERDUE,
        "mails_kept": settings.keep_notifications_days,
        "events_kept": settings.keep_events_days,
    }
    return [_check(session, invariant, _PLACED, bounds, examples) for invariant in invariants]


def _check(
    session: Session, invariant: Invariant, given: str, values: Mapping[str, object], examples: int | None
) -> Finding:
    query = text(f"""{given}
        SELECT {invariant.figures}, count(*) FILTER (WHERE bad) AS wrong,
            (array_agg(example ORDER BY example) FILTER (WHERE bad))[1:{examples or ""}] AS examples
        FROM ({invariant.rows}) AS seen""")  # noqa: S608, constants only
    wanted = {name: value for name, value in values.items() if name in query._bindparams}
    found = dict(session.execute(query, wanted).mappings().one())
    named = found.pop("examples") or []
    figures = {name: int(value or 0) for name, value in found.items()}
    count = figures["wrong"]
    if invariant.notice:
        del figures["wrong"]
    return Finding(invariant.name, figures.get("wrong", 0) == 0, figures, named, count)


def _columns(known: Sequence[ProviderPayment]) -> dict[str, list[object]]:
    return {
        "references": [payment.reference for payment in known],
        "orders": [payment.order_id for payment in known],
        "payments": [payment.payment_id for payment in known],
        "states": [payment.state for payment in known],
        "amounts": [payment.amount for payment in known],
        "currencies": [payment.currency for payment in known],
        "captured": [payment.captured for payment in known],
        "refunded": [payment.refunded for payment in known],
    }
