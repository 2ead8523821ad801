"""What `shop audit --act` offers for differences with a payment gateway: void, refund, adopt. It asks before each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import click
from sqlalchemy import select

from cli import operator_log
from models import payments
from models.core.database import transaction
from models.core.errors import GatewayDown, ShopError
from models.operations.audit import Finding
from models.payments import Payment
from tasks.gateways.payments import PROVIDERS
from tasks.gateways.payments.provider import PaymentProvider, ProviderPayment

WITHOUT_ORDER = "the gateway holds no money without an order"
DIFFERS = "the gateway's payments match the shop's"


@dataclass(frozen=True)
class Action:
    """A question, and what is done when the answer is yes: `do` returns a sentence."""

    question: str
    do: Callable[[], str]


def act(findings: Sequence[Finding]) -> None:
    """Asks for each difference that can be repaired whether it is to be. Each answer is carried out at once."""
    named = {finding.name: finding.examples for finding in findings if not finding.ok}
    count = 0
    for action in _actions(named.get(WITHOUT_ORDER, []), named.get(DIFFERS, [])):
        count += 1
        if not click.confirm(action.question):
            continue
        try:
            click.echo(action.do())
        except (ShopError, GatewayDown) as refusal:
            click.echo(f"Not done: {' '.join(str(refusal).split())}", err=True)
    click.echo("Run `shop audit` again." if count else "There is nothing that this command can repair.")


def _actions(references: Sequence[str], order_ids: Sequence[str]) -> Iterator[Action]:
    for reference in references:
        yield from _release(reference)
    for order_id in order_ids:
        with transaction() as session:
            ids = session.scalars(select(Payment.id).where(Payment.order_id == order_id).order_by(Payment.id)).all()
        for payment_id in ids:
            question = f"Adopt what the gateway says of the refunds and disputes of {payment_id} (order {order_id})?"
            yield Action(question, partial(_adopt, payment_id))


def _release(reference: str) -> Iterator[Action]:
    """Voids or refunds a payment of which the shop has no order, or a cancelled one."""
    for provider in PROVIDERS.values():
        made = provider.look_up(reference)
        if made is None:
            continue
        about = f"{reference} ({made.currency}, order {made.order_id or 'unknown'})"
        left = made.captured - made.refunded
        if made.state == "authorised":
            yield Action(f"Void {made.amount / 100:.2f} of {about}?", partial(_void, provider, reference))
        elif left > 0:
            yield Action(f"Refund {left / 100:.2f} of {about}?", partial(_refund, provider, made))
        return


def _void(provider: PaymentProvider, reference: str) -> str:
    _record(reference)
    provider.void(reference=reference)
    return f"{reference} is voided."


def _refund(provider: PaymentProvider, made: ProviderPayment) -> str:
    """Through the shop's books if they know of the money, so that they agree afterwards."""
    with transaction() as session:
        ours = session.scalars(select(Payment).where(Payment.reference == made.reference)).one_or_none()
        if ours is not None and ours.captured > ours.refunded:
            operator_log.record(session, ours.id)
            asked = payments.request_refund(session, ours.id, None, "found by the audit", owner=None)
            return f"{ours.id} is being refunded ({asked.run_id})."
    _record(made.reference)
    # The key contains what was refunded before: a repetition is the same refund, and a later difference another one.
    key = f"audit:{made.reference}:{made.refunded}"
    provider.refund(reference=made.reference, amount=made.captured - made.refunded, idempotency_key=key)
    return f"{made.reference} is refunded."


def _adopt(payment_id: str) -> str:
    with transaction() as session:
        operator_log.record(session, payment_id)
        run_id = payments.follow_report(session, "", f"audit:{uuid4().hex}", None, payment_id)
    return f"{payment_id} is being compared with the gateway ({run_id})."


def _record(subject: str) -> None:
    with transaction() as session:
        operator_log.record(session, subject)
