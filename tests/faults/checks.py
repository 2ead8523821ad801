"""Checks after every fault: all runs have ended, and the shop, the gateway and the mailbox agree."""

from collections import Counter
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select, text

from durable import queries
from local.waiting import wait_until
from models import orders, payments
from models.core.database import transaction
from models.operations import audit
from settings import Settings
from tasks.gateways.payments.paypal import PayPal
from tasks.stored_files import check_files
from tests.faults import stall_times
from tests.shop import Shop

PATIENCE = 40.0  # seconds; far beyond the targets, which are printed but not asserted


def ended(run_id: str, patience: float = PATIENCE) -> str:
    """Waits for the end of the run; returns its status."""
    assert wait_until(lambda: end_of(run_id), patience, 0.02), describe(run_id)
    return str(end_of(run_id))


def end_of(run_id: str) -> str | None:
    """The final status of the run; None before its end."""
    with transaction() as session:
        run = queries.get_run(session, run_id)
        return run.status if run.finished_at is not None else None


def stall_of(run_id: str, since: datetime | None = None) -> float:
    """The longest stall of the run in seconds; `since`: the end of a lasting fault."""
    with transaction() as session:
        run = queries.get_run(session, run_id)
        assert run.finished_at is not None
        times = [run.created_at, run.finished_at]
        for step in queries.steps_of_run(session, run_id):
            times += [step.started_at, *([step.finished_at] if step.finished_at else [])]
    return stall_times.longest(times, since)


def status_of(run_id: str, step: str) -> str | None:
    """The step's status, None before it is begun."""
    with transaction() as session:
        return next((s.status for s in queries.steps_of_run(session, run_id) if s.name == step), None)


def describe(run_id: str) -> str:
    """The run, its steps and their failed attempts, for the message of a failed test."""
    with transaction() as session:
        run = queries.get_run(session, run_id)
        steps = queries.steps_of_run(session, run_id)
        failed = queries.attempts_of_run(session, run_id)
    lines = [f"{run.workflow} {run.id} is {run.status}, generation {run.generation}, attempts {run.attempts}, "
             f"published {run.published_at}, lease until {run.lease_until}, error {run.error}"]  # fmt: skip
    lines += [f"  {s.name} {s.status} attempts {s.attempts} {s.error} {s.progress}" for s in steps]
    lines += [
        f"  {a.step} attempt {a.number} by {a.worker} from {a.started_at} to {a.ended_at}: {a.error}" for a in failed
    ]
    return "\n".join(lines)


def check_invariants(shop: Shop, *, repeated_mails: int = 0) -> None:
    """Orders are paid once, parcels have one label, customers are notified once, all invariants of `shop audit` hold.

    `repeated_mails`: how many mails may be sent twice, because a worker died between sending and recording.
    """
    assert [finding for finding in (*audited(shop), *check_files()) if not finding.ok] == []
    labels = Counter(made["reference"] for made in shop.shipments())
    assert max(labels.values(), default=0) <= 1
    ledger = shop.ledger()
    with transaction() as session:
        shown = orders.Order.id, orders.Order.number, orders.Order.status, orders.Order.confirmed_at
        placed = session.execute(select(*shown).where(orders.Order.return_id.is_(None))).all()
    authorised = Counter(
        held["metadata"]["order_id"]
        for held in ledger
        for operation in held["operations"]
        if (operation["kind"], operation["status"]) == ("authorise", "succeeded")
    )
    subjects = [mail["subject"] for mail in shop.mails()]
    notified = Counter(subject.split()[2] for subject in subjects if subject.startswith("Your order "))
    assert max(authorised.values(), default=0) <= 1
    assert [order for order in placed if order.status == "confirmed" and authorised[order.id] != 1] == []
    twice = {order.number for order in placed if order.confirmed_at and order.status == "cancelled"}  # a mail for each
    assert notified == {str(order.number): 1 + (order.number in twice) for order in placed}
    assert sum(mail["deliveries"] - 1 for mail in shop.mails()) <= repeated_mails


def audited(shop: Shop) -> list[audit.Finding]:
    """What `shop audit` finds, with the ledgers of the shop's gateway and, if it has one, of its PayPal."""
    with transaction() as session:
        asked_at = session.scalars(select(text("clock_timestamp()"))).one()
    known = [_payment(held) for held in shop.ledger()]
    if shop.paypal:
        known += _paypal_payments(shop.paypal.ports["http"])
    with transaction() as session:
        return audit.audit(session, audit.Ledger(asked_at, known))


def _paypal_payments(port: int) -> list[audit.ProviderPayment]:
    with transaction() as session:
        references = list(payments.list_references(session, "paypal"))
    return [
        audit.ProviderPayment(
            made.reference, made.order_id, made.payment_id, made.state, made.amount, made.currency, made.captured,
            made.refunded,
        )
        for made in _paypal(port).list_since(known=references)
    ]  # fmt: skip


@cache
def _paypal(port: int) -> PayPal:
    return PayPal(Settings(paypal_port=port))


def _payment(held: dict[str, Any]) -> audit.ProviderPayment:
    status = held["status"]
    was_held = any((done["kind"], done["status"]) == ("authorise", "succeeded") for done in held["operations"])
    state = (
        {"requires_capture": "authorised", "canceled": "voided", "succeeded": "captured"}.get(status, status)
        if was_held
        else {"canceled": "cancelled"}.get(status, status)
    )
    if any(done["kind"] == "lapse" for done in held["operations"]):
        state = "lapsed"
    about = held["metadata"]
    return audit.ProviderPayment(
        held["id"], about["order_id"], about["payment_id"], state, held["amount"], held["currency"].upper(),
        held["amount_received"], _sum(held, "refund") - _sum(held, "refund_failed"),
    )  # fmt: skip


def _sum(held: dict[str, Any], kind: str) -> int:
    return sum(one["amount"] for one in held["operations"] if one["kind"] == kind)
