"""Steps of the notifications service: what people are told, through gateways that may be away for a while."""

from typing import Any

from sqlalchemy.orm import Session

from models import accounts, notifications, orders
from models.errors import MailRefused
from tasks.gateways import mail
from tasks.step import Run, output_of, outside_step


def _send(request: dict[str, Any], idempotency_key: str) -> str | None:
    """Why the mail server will never take the mail, or None if it has."""
    try:
        mail.send(to=request["to"], subject=request["subject"], text=request["text"], message_id=request["id"])
    except MailRefused as refusal:
        return refusal.detail  # a wrong address is no reason to hold up an order
    return None


def _sent(session: Session, run: Run, fault: str | None) -> dict[str, Any]:
    notifications.sent(session, _key(run), fault)
    return {"fault": fault} if fault else {}


def _key(run: Run) -> str:
    return f"{run.workflow}:{run.key}"


@outside_step(ask=_send, record=_sent)
def order_confirmed(session: Session, run: Run) -> dict[str, Any]:
    """Mails the customer what was bought and the number of its invoice."""
    order = orders.get(session, run.input["order_id"])
    lines = orders.lines_of(session, [order.id])[order.id]
    confirmed = output_of(session, run, "orders.confirm") or {}
    return _to_customer(
        session, run, "order_confirmed", order,
        lines="\n".join(f"  {line.quantity} x {line.title}" for line in lines),
        total=f"{order.total / 100:.2f} {order.currency}", invoice=confirmed["invoice_number"],
    )  # fmt: skip


@outside_step(ask=_send, record=_sent)
def order_cancelled(session: Session, run: Run) -> dict[str, Any]:
    """Mails the customer why the order could not be completed."""
    order = orders.get(session, run.input["order_id"])
    return _to_customer(session, run, "order_cancelled", order, reason=run.error["detail"])


def _to_customer(session: Session, run: Run, kind: str, order: orders.Order, **words: Any) -> dict[str, Any]:
    user = accounts.get(session, order.user_id)
    words |= {"number": order.number, "first_name": user.first_name}
    mail = notifications.compose(session, _key(run), kind, user.id, user.email, **words)
    return {"id": f"<{mail.id}@shopflow>", "to": mail.recipient, "subject": mail.subject, "text": mail.text}
