"""How a step composes one kind of notification, and sends it by e-mail."""

from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, Step
from models import accounts, notifications, orders
from models.core.database import transaction
from models.core.errors import MailRefused
from models.notifications import Kind
from models.notifications.kinds import Context
from tasks.gateways.email import smtp

service = Service("notifications")
CHANNEL = "email"
TOKEN = "[the token is in the mail only]"  # noqa: S105, replaces the token wherever the mail is stored


class Attachment(TypedDict):
    """A document of an order: its invoice, or a credit note. The file is made when the mail is sent."""

    order_id: str
    credit_note_id: NotRequired[str]


class Request(TypedDict):
    """A mail, as it is stored with the step."""

    id: str
    to: str
    subject: str
    text: str
    html: NotRequired[str | None]  # requests of the release before have none
    language: NotRequired[str]
    run_id: NotRequired[str]  # of `password_reset`
    attachment: NotRequired[Attachment]


def send(request: Request, idempotency_key: str) -> str | None:
    """Why the mail server will never accept the mail, or None if it has."""
    text, page = request["text"], None
    if (html := request.get("html")) is not None:
        text, page = notifications.dress(request["subject"], text, html, request["language"])
    files = [_file(request["attachment"])] if "attachment" in request else []
    try:
        smtp.send(
            to=request["to"], subject=request["subject"], text=text, html=page, message_id=request["id"], files=files
        )
    except MailRefused as refusal:
        return refusal.detail  # an invalid address is no reason to delay an order
    return None


def _file(attachment: Attachment) -> tuple[str, bytes]:
    with transaction() as session:
        order = orders.get(session, attachment["order_id"])
        if "credit_note_id" in attachment:
            note = orders.get_credit_note(session, order.id, attachment["credit_note_id"])
            document = orders.describe_credit_note(session, order, note)
        else:
            document = orders.describe_invoice(session, order, orders.get_invoice(session, order.id))
    return orders.file_name(document), orders.pdf_of_document(document)


def send_token(request: Request, idempotency_key: str) -> str | None:
    """As `send`, with the token in the place of TOKEN."""
    token = accounts.derive_reset_token(request["run_id"])
    html = request.get("html")
    told: Request = {**request, "text": request["text"].replace(TOKEN, token)}
    return send({**told, "html": html and html.replace(TOKEN, token)}, idempotency_key)


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
    session: Session, run: Run, kind: Kind[Context], context: Context, recipient: str, user_id: str | None = None,
    language: str | None = None,
) -> Request:  # fmt: skip
    """Composes a mail in the recipient's `language`, or else in the shop's."""
    chosen = notifications.choose_language(language)
    message = notifications.compose(
        session, kind, context, key=key_of(run), channel=CHANNEL, recipient=recipient, user_id=user_id, language=chosen
    )
    return {
        "id": f"<{message.id}@shopflow>", "to": recipient, "subject": message.subject, "text": message.text,
        "html": message.html, "language": chosen,
    }  # fmt: skip


def with_document(request: Request, order_id: str, note: Mapping[str, str] | None = None) -> Request:
    """Attaches the order's invoice, or the credit note that a step has issued (`credit_note_id`), if any."""
    if note is None:
        return {**request, "attachment": {"order_id": order_id}}
    if "credit_note_id" not in note:
        return request
    return {**request, "attachment": {"order_id": order_id, "credit_note_id": note["credit_note_id"]}}


def is_wanted(session: Session, kind: Kind[Any], order: Any) -> bool:
    return order.account == "active" and accounts.wants(session, order.user_id, kind.name, CHANNEL)
