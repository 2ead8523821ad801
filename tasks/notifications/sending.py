"""How a step composes one kind of notification, and sends it by e-mail once the address is confirmed."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, Step, Suspend
from models import accounts, notifications, orders, reports
from models.core.database import single_statements, transaction
from models.core.errors import MailRefused
from models.notifications import Kind
from models.notifications.kinds import Context
from settings import settings
from tasks.gateways.email import smtp

service = Service("notifications")
CHANNEL = "email"
TOKEN = "[the token is in the mail only]"  # noqa: S105, replaces the token wherever the mail is stored

DERIVED = {
    "password_reset": accounts.derive_reset_token,
    "confirm_address": accounts.derive_confirmation_token,
    "confirm_new_email": accounts.derive_change_token,
    "email_changing": accounts.derive_restore_token,
}
"""Kind → how its token is made."""


class Attachment(TypedDict):
    """A document of an order: its invoice, or a credit note. The file is made when the mail is sent."""

    order_id: str
    credit_note_id: NotRequired[str]


class ReportFiles(TypedDict):
    """A report's page and, if it is not too large, its workbook."""

    report_id: str
    workbook: bool


class Request(TypedDict):
    """A mail, as it is stored with the step. Requests of the release before lack what is not required."""

    id: str
    to: str
    subject: str
    text: str
    kind: NotRequired[str]
    html: NotRequired[str | None]
    language: NotRequired[str]
    unsubscribe: NotRequired[str]  # URL
    run_id: NotRequired[str]  # of kinds with a token
    user_id: NotRequired[str | None]
    attachment: NotRequired[Attachment]
    report: NotRequired[ReportFiles]


class Answer(TypedDict):
    """What the mail server has answered. `fault`: why it will never accept the mail, or None if it has.

    `address`: the recipient, if it is refused.
    """

    kind: str | None
    fault: str | None
    address: str | None


def send(request: Request, idempotency_key: str) -> Answer:
    """Sends a mail. An invalid address is no reason to delay an order, and therefore no refusal of the step."""
    text, page, unsubscribe = request["text"], None, request.get("unsubscribe", "")
    if (html := request.get("html")) is not None:
        text, page = notifications.dress(request["subject"], text, html, request["language"], unsubscribe)
    files = [_file(request["attachment"])] if "attachment" in request else []
    files += _report_files(request["report"]) if "report" in request else []
    answer: Answer = {"kind": request.get("kind"), "fault": None, "address": None}
    try:
        smtp.send(
            to=request["to"], subject=request["subject"], text=text, html=page, message_id=request["id"],
            files=files, unsubscribe=unsubscribe,
        )  # fmt: skip
    except MailRefused as refusal:
        return {**answer, "fault": refusal.detail, "address": request["to"] if refusal.of_address else None}
    return answer


def _file(attachment: Attachment) -> tuple[str, bytes]:
    if "credit_note_id" in attachment:
        with transaction() as session:
            note = orders.get_credit_note(session, attachment["order_id"], attachment["credit_note_id"])
            document = orders.describe_credit_note(session, note)
    else:
        with single_statements() as connection:
            document = orders.describe_invoice(connection, attachment["order_id"])
    return orders.file_name(document), orders.pdf_of_document(document)


def _report_files(wanted: ReportFiles) -> list[tuple[str, bytes]]:
    with transaction() as session:
        report = reports.get_report(session, wanted["report_id"])
        lines = reports.lines_after(session, report.id, None, reports.PAGE_LINES)
    files = [(reports.file_name(report, "html"), reports.page_of_report(report, lines).encode())]
    if wanted["workbook"]:
        with reports.workbook(report) as book:
            files.append((reports.file_name(report, "xlsx"), book.read()))
    return files


def send_token(request: Request, idempotency_key: str) -> Answer:
    """As `send`, with the token in the place of TOKEN."""
    token = DERIVED[request.get("kind", "password_reset")](request["run_id"])
    html = request.get("html")
    told: Request = {**request, "text": request["text"].replace(TOKEN, token)}
    return send({**told, "html": html and html.replace(TOKEN, token)}, idempotency_key)


def sends(
    kind: Kind[Any] | None = None, *, call: Callable[[Request, str], Answer] = send, queue: str | None = None
) -> Callable[[Callable[[Session, Run[Any]], Request | Suspend | None]], Step[dict[str, str]]]:
    """Makes a step of a function that composes a notification, or returns None to send nothing.

    A mail to an address that is not confirmed is held, and the step is done: nothing waits for its recipient. A replay
    sends the mail again: its text and its Message-ID stay the same, so most programs show one.

    `kind`: that of requests of the release before, which name none.
    """

    def decorate(work: Callable[[Session, Run[Any]], Request | Suspend | None]) -> Step[dict[str, str]]:
        def record(session: Session, run: Run, answer: Answer) -> dict[str, str]:
            name, fault = answer["kind"] or (kind.name if kind else ""), answer["fault"]
            attempts = run.steps[f"{service.name}.{work.__name__}"].attempts
            notifications.record_delivery(
                session, name, key=key_of(run), channel=CHANNEL, fault=fault, attempts=attempts
            )
            if answer["address"] is not None and fault is not None:
                notifications.suppress(session, answer["address"], "refused", fault)
            return {"fault": fault} if fault else {}

        @wraps(work)
        def work_or_hold(session: Session, run: Run[Any]) -> Request | Suspend | None:
            request = work(session, run)
            return request if request is None or isinstance(request, Suspend) else unless_held(session, request)

        return service.external_step(call=call, record=record, queue=queue, replayable=True)(work_or_hold)

    return decorate


def unless_held(session: Session, request: Request) -> Request | None:
    """The request; None if its mail is held."""
    user_id = request.get("user_id")
    if not user_id or notifications.KINDS[request["kind"]].proves:
        return request
    status = accounts.lock_address_status(session, user_id)
    if status == "confirmed":
        return request
    notifications.hold(session, id_of(request), request)
    if status == "closed":  # its erasure may be over
        notifications.erase_user(session, user_id)
    return None


def key_of(run: Run) -> str:
    return f"{run.workflow}:{run.key}"


def compose(
    session: Session, run: Run, kind: Kind[Context], context: Context, recipient: str, user_id: str | None = None,
    language: str | None = None,
) -> Request | None:  # fmt: skip
    """Composes a mail in the recipient's `language`, or else in the shop's; None if a customer wants no such mail.

    Also starts a run of its own for each other channel by which the customer, or staff, are sent this kind.
    """
    chosen = notifications.choose_language(language)
    for way in accounts.find_ways(session, user_id, kind) if user_id else _ways_to_staff(kind):
        notifications.start_message(
            session, kind, context, about=key_of(run), channel=way.channel, recipient=way.recipient, language=chosen,
            user_id=user_id, device_id=way.device_id,
        )  # fmt: skip
    if user_id and not is_welcome(session, kind, user_id, recipient):
        return None
    return compose_mail(session, run, kind, context, recipient, user_id, chosen)


def compose_mail(
    session: Session, run: Run, kind: Kind[Context], context: Context, recipient: str, user_id: str | None,
    chosen: str,
) -> Request:  # fmt: skip
    """Composes a mail in a language that has templates."""
    message = notifications.compose(
        session, kind, context, key=key_of(run), channel=CHANNEL, recipient=recipient, user_id=user_id, language=chosen
    )
    return {
        "id": f"<{message.id}@shopflow>", "user_id": user_id, "to": recipient, "subject": message.subject,
        "text": message.text, "kind": kind.name, "html": message.html, "language": chosen,
        "unsubscribe": notifications.unsubscribe_url(user_id, kind, CHANNEL) if user_id else "",
    }  # fmt: skip


def id_of(request: Request) -> str:
    """The id of the notification."""
    return request["id"].removeprefix("<").partition("@")[0]


def _ways_to_staff(kind: Kind[Any]) -> list[accounts.Way]:
    is_sent = kind.audience == "staff" and "sms" in kind.channels and settings.staff_phone and settings.sms
    return [accounts.Way("sms", settings.staff_phone, None)] if is_sent else []


def with_document(request: Request | None, order_id: str, note: Mapping[str, str] | None = None) -> Request | None:
    """Attaches the order's invoice, or the credit note that a step has issued (`credit_note_id`), if any."""
    if request is None:
        return None
    if note is None:
        return {**request, "attachment": {"order_id": order_id}}
    if "credit_note_id" not in note:
        return request
    return {**request, "attachment": {"order_id": order_id, "credit_note_id": note["credit_note_id"]}}


def is_welcome(session: Session, kind: Kind[Any], user_id: str, address: str) -> bool:
    """Whether a user is sent this mail: it is mandatory, or the user wants it and the address is not suppressed. Staff
    cannot switch mails off."""
    if kind.mandatory or kind.audience != "customer":
        return True
    return accounts.wants(session, user_id, kind.name, CHANNEL) and not notifications.is_suppressed(session, address)
