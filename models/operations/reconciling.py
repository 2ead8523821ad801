"""Reconciling: the slices of a period, the comparison of a slice with what its provider has, and repairs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypedDict

from sqlalchemy import ARRAY, DateTime, Row, String, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

import durable
from durable.ids import Id, first_id, new_id
from durable.tables import RunRecord
from models import payments
from models.operations.audit import ProviderPayment
from models.operations.judging import Mismatch, OurOrder, OurPayment, judge_ours, judge_theirs, order_id_of
from models.payments import Difference, Payment, Reconciliation

SLICE = 50
"""Payments of ours in a slice. A provider without a list is asked for each, and a step has 40 s."""
_CLOCKS = timedelta(minutes=1)  # how far the clocks of the API's machines and the database may differ


class Slice(TypedDict):
    """Our payments from `first` to `last` (ids; None: none), and those that a provider with a list has created from
    `since` until `until` (RFC 3339; exclusive)."""

    gateway: str
    since: str
    until: str
    first: str | None
    last: str | None


def start(session: Session, day: date, owner: str | None) -> str:
    """Starts the `reconciliation` of a day and returns its run, or that of the one in progress."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"reconciliation:{day}"))))
    slot = (day + timedelta(days=1)).isoformat()
    running = select(RunRecord.id).where(
        RunRecord.workflow == "reconciliation", RunRecord.finished_at.is_(None), RunRecord.parent.is_(None),
        or_(RunRecord.input["day"].astext == day.isoformat(), RunRecord.input["slot"].astext == slot),
    )  # fmt: skip
    found = session.scalars(running.order_by(RunRecord.id).limit(1)).one_or_none()
    if found is not None:
        return found
    reconciliation_id = new_id("rec")
    about = {"day": day.isoformat(), "reconciliation_id": reconciliation_id}
    return durable.start(session, "reconciliation", key=f"request:{reconciliation_id}", input=about, owner=owner)


def cut(
    session: Session, gateway: str, start: datetime, end: datetime, after: str | None, limit: int
) -> tuple[list[Slice], str | None]:
    """The next slices of a period, at most `limit`, after the payment `after`; at least one.

    Returns the id after which it goes on as well, None at the end. Together the slices cover the period without gaps.
    """
    newer = Payment.id > after if after else Payment.id >= first_id(start - _CLOCKS)
    query = select(Payment.id, Payment.created_at).where(
        newer, Payment.id < first_id(end + _CLOCKS), Payment.gateway == gateway,
        Payment.created_at >= start, Payment.created_at < end,
    )  # fmt: skip
    rows = session.execute(query.order_by(Payment.id).limit(SLICE * limit + 1)).all()
    more = len(rows) > SLICE * limit
    portions = [rows[n : n + SLICE] for n in range(0, min(len(rows), SLICE * limit), SLICE)] or [[]]
    bounds = [
        rows[0].created_at if after and rows else start,
        *(portion[0].created_at for portion in portions[1:]),
        rows[-1].created_at if more else end,
    ]
    slices: list[Slice] = [
        {
            "gateway": gateway, "since": since.isoformat(), "until": until.isoformat(),
            "first": portion[0].id if portion else None, "last": portion[-1].id if portion else None,
        }
        for portion, (since, until) in zip(portions, pairwise(bounds), strict=True)
    ]  # fmt: skip
    return slices, portions[-1][-1].id if more else None


def list_references(session: Session, one: Slice) -> list[str]:
    """The references of our payments in a slice."""
    query = select(Payment.reference).where(
        Payment.id.between(one["first"], one["last"]), Payment.gateway == one["gateway"], Payment.reference.is_not(None)
    )
    return [reference for reference in session.scalars(query.order_by(Payment.id)) if reference]


_ORDER_IDS = (
    text("""
        SELECT DISTINCT order_id FROM payments.payment
        WHERE reference = ANY(:references) OR gateway = :gateway AND id BETWEEN :first AND :last
    """)
    .bindparams(bindparam("references", type_=ARRAY(String)))
    .bindparams(*(bindparam(name, type_=Id("pay")) for name in ("first", "last")))
    .columns(order_id=Id("ord"))
)

# What a run is about to change, or has changed since the provider was asked, can't be compared.
_ORDERS = text("""
    SELECT placed.id AS order_id, placed.status AS order_status, placed.total, placed.currency AS order_currency,
        payment.id AS payment_id, payment.reference, payment.status, payment.amount, payment.currency, payment.captured,
        payment.refunded,
        EXISTS (
            SELECT FROM payments.transaction AS done WHERE done.payment_id = payment.id AND kind = 'void'
            AND error->>'code' = 'authorisation_lapsed'
        ) AS has_lapsed,
        coalesce(payment.updated_at >= :asked_at, false) OR coalesce(placed.cancelled_at >= :asked_at, false)
        OR EXISTS (SELECT FROM workflow.run WHERE run.id = placed.run_id AND finished_at IS NULL) OR EXISTS (
            SELECT FROM workflow.run WHERE workflow = 'cancellation' AND finished_at IS NULL
            AND key = 'ord_' || replace(placed.id::text, '-', '')
        ) OR EXISTS (
            SELECT FROM payments.transaction WHERE payment_id = payment.id AND transaction.status = 'pending'
        ) AS is_moving
    FROM orders."order" AS placed LEFT JOIN payments.payment ON payment.order_id = placed.id
    WHERE placed.id = ANY(:order_ids) ORDER BY placed.id, payment.id
""").bindparams(
    bindparam("order_ids", type_=ARRAY(Id("ord"))), bindparam("asked_at", type_=DateTime(timezone=True))
).columns(order_id=Id("ord"), payment_id=Id("pay"))  # fmt: skip


def find_orders(session: Session, order_ids: Sequence[str], asked_at: datetime) -> dict[str, OurOrder]:
    """The orders that exist, with their payments. `asked_at`: when the provider was asked."""
    rows: dict[str, list[Row[Any]]] = {}
    for row in session.execute(_ORDERS, {"order_ids": list(order_ids), "asked_at": asked_at}):
        rows.setdefault(row.order_id, []).append(row)
    return {order_id: _order(order_id, found) for order_id, found in rows.items()}


def _order(order_id: str, rows: Sequence[Row[Any]]) -> OurOrder:
    names = ("order_id", "reference", "status", "amount", "currency", "captured", "refunded", "has_lapsed")
    ours = [
        OurPayment(id=row.payment_id, **{name: getattr(row, name) for name in names}) for row in rows if row.payment_id
    ]
    one = rows[0]
    is_moving = any(row.is_moving for row in rows)
    return OurOrder(order_id, one.order_status, one.total, one.order_currency, is_moving, ours)


def compare(
    session: Session, reconciliation_id: str, one: Slice, made: Sequence[ProviderPayment], asked_at: datetime
) -> int:
    """Records how a slice differs from what its provider has, and returns the number of our payments in it."""
    values = {"references": [m.reference for m in made], **{name: one[name] for name in ("gateway", "first", "last")}}
    named = {order_id_of(m) for m in made} - {None}
    order_ids = named | set(session.scalars(_ORDER_IDS, values))
    orders = find_orders(session, sorted(filter(None, order_ids)), asked_at)
    by_reference = {p.reference: order for order in orders.values() for p in order.payments if p.reference}
    known = {m.reference for m in made}
    found = [judge_theirs(m, by_reference.get(m.reference) or orders.get(order_id_of(m) or "")) for m in made]
    ours = [(p, order) for order in orders.values() for p in order.payments if _is_in(p, one)]
    found += [judge_ours(p, order, known) for p, order in ours]
    rows = [_row(reconciliation_id, one["gateway"], finding) for finding in found if finding]
    payments.add_differences(session, rows)
    for finding in found:
        if finding and finding.kind == "lapsed_authorisation":  # the check voids the payment, and flags the order
            about = {"payment_id": finding.payment_id, "order_id": finding.order_id}
            durable.start(session, "authorisation_check", key=f"{reconciliation_id}:{finding.subject}", input=about)
    return len(ours)


def request_repair(session: Session, reconciliation_id: str, reference: str) -> str | None:
    """The provider of an authorisation that is still forgotten. None if its order has changed since."""
    found = _forgotten(session, reconciliation_id, reference)
    now = session.scalars(select(func.clock_timestamp())).one()
    assert found.order_id is not None
    order = find_orders(session, [found.order_id], now).get(found.order_id)
    if order is None or (order.status == "cancelled" and not order.is_moving):
        return found.gateway
    found.repair = "refused"
    return None


def record_repair(session: Session, reconciliation_id: str, reference: str, *, voided: bool) -> None:
    """Records that a forgotten authorisation was voided, or that its provider has refused that."""
    found = _forgotten(session, reconciliation_id, reference)
    found.repair = "done" if voided else "refused"
    if not voided or found.payment_id is None:
        return
    status = payments.get_payment(session, found.payment_id).status
    if "voided" in payments.PAYMENT_STATUS.following[status]:
        payments.record_void(session, found.payment_id, reference)


def _forgotten(session: Session, reconciliation_id: str, reference: str) -> Difference:
    return session.get_one(Difference, (reconciliation_id, "forgotten_authorisation", reference))


def write(
    session: Session, reconciliation_id: str, run_id: str, day: date, start: datetime, end: datetime,
    compared: dict[str, int],
) -> Reconciliation:  # fmt: skip
    """Publishes a reconciliation. `compared`: the numbers of compared payments, ours and theirs."""
    counts = {**compared, **payments.count_differences(session, reconciliation_id)}
    made = Reconciliation(
        id=reconciliation_id, run_id=run_id, day=day, period_start=start, period_end=end,
        status="differences" if counts["differences"] else "clean", counts=counts,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _is_in(ours: OurPayment, one: Slice) -> bool:
    first, last = one["first"], one["last"]
    return first is not None and last is not None and first <= ours.id <= last


def _row(reconciliation_id: str, gateway: str, found: Mismatch) -> dict[str, object]:
    ours, theirs = found.ours or (None, None), found.theirs or (None, None)
    return {
        "reconciliation_id": reconciliation_id, "kind": found.kind, "subject": found.subject, "gateway": gateway,
        "order_id": found.order_id, "payment_id": found.payment_id, "reference": found.reference,
        "ours": ours[0], "ours_currency": ours[1], "theirs": theirs[0], "theirs_currency": theirs[1],
        "repair": "done" if found.kind == "lapsed_authorisation" else None,
    }  # fmt: skip
