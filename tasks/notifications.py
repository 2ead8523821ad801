"""Steps of the notifications service: what people are told, through gateways that may be away for a while."""

from typing import Any

from sqlalchemy.orm import Session

from models import accounts, notifications, orders
from tasks.gateways import mail
from tasks.step import Run, output_of, outside_step


def _send(request: dict[str, Any], idempotency_key: str) -> None:
    mail.send(
        to=request["to"], subject=request["subject"], text=request["text"],
        message_id=f"<{request['id']}@shopflow>",
    )  # fmt: skip


def _sent(session: Session, run: Run, answer: None) -> None:
    order_id = run.input["order_id"]
    notifications.sent(session, f"{run.workflow}:{order_id}")


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
    key = f"{run.workflow}:{order.id}"
    words |= {"number": order.number, "first_name": user.first_name}
    notification = notifications.compose(session, key, kind, user.id, user.email, **words)
    return {
        "id": notification.id, "to": notification.recipient, "subject": notification.subject,
        "text": notification.text,
    }  # fmt: skip
