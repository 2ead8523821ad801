"""How a step composes one kind of notification, and sends it by e-mail."""

from collections.abc import Callable
from typing import Any, NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, Step
from models import accounts, notifications
from models.core.errors import MailRefused
from models.notifications import Kind
from models.notifications.kinds import Context
from tasks.gateways.email import smtp

service = Service("notifications")
CHANNEL = "email"
TOKEN = "[the token is in the mail only]"  # noqa: S105, replaces the token wherever the mail is stored


class Request(TypedDict):
    """A mail, as it is stored with the step."""

    id: str
    to: str
    subject: str
    text: str
    run_id: NotRequired[str]  # of `password_reset`


def send(request: Request, idempotency_key: str) -> str | None:
    """Why the mail server will never accept the mail, or None if it has."""
    try:
        smtp.send(to=request["to"], subject=request["subject"], text=request["text"], message_id=request["id"])
    except MailRefused as refusal:
        return refusal.detail  # an invalid address is no reason to delay an order
    return None


def send_token(request: Request, idempotency_key: str) -> str | None:
    """As `send`, with the token in the place of TOKEN."""
    token = accounts.derive_reset_token(request["run_id"])
    return send({**request, "text": request["text"].replace(TOKEN, token)}, idempotency_key)


def sends(
    kind: Kind[Any], *, call: Callable[[Request, str], str | None] = send, queue: str | None = None
) -> Callable[[Callable[[Session, Run[Any]], Request | None]], Step[dict[str, str]]]:
    """Makes a step of a function that composes a notification of this kind, or returns None to send nothing."""

    def record(session: Session, run: Run, fault: str | None) -> dict[str, str]:
        notifications.record_delivery(session, kind, key=key_of(run), channel=CHANNEL, fault=fault)
        return {"fault": fault} if fault else {}

    return service.external_step(call=call, record=record, queue=queue)


def key_of(run: Run) -> str:
    return f"{run.workflow}:{run.key}"


def compose(
    session: Session, run: Run, kind: Kind[Context], context: Context, recipient: str, user_id: str | None = None
) -> Request:
    message = notifications.compose(
        session, kind, context, key=key_of(run), channel=CHANNEL, recipient=recipient, user_id=user_id
    )
    return {"id": f"<{message.id}@shopflow>", "to": recipient, "subject": message.subject, "text": message.text}


def is_wanted(session: Session, kind: Kind[Any], order: Any) -> bool:
    return order.account == "active" and accounts.wants(session, order.user_id, kind.name, CHANNEL)
