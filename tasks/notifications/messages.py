"""Text messages and push notifications. Each is a run of its own, on a queue of its own: it delays no mail."""

from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Suspend
from models import accounts, notifications
from models.core.database import transaction
from models.core.errors import MessageRefused
from models.core.tokens import digest
from models.core.workflow_inputs import MessageInput, UserInput
from models.notifications import Notification, contexts, kinds
from settings import settings
from tasks.gateways.push import web_push
from tasks.gateways.sms import through_apprise
from tasks.notifications.sending import key_of, service

VALID_FOR = timedelta(hours=24)
"""A message that could not be sent within this time is not sent any more."""
CODE = "[code]"
"""Replaces the code wherever the message is stored."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=2)


class TextRequest(TypedDict):
    """A text message, as it is stored with the step. `until`: RFC 3339. `code_of`: the run whose code it contains."""

    kind: str
    to: str
    text: str
    until: str
    code_of: NotRequired[str]


class TextAnswer(TypedDict):
    """`fault`: why it will never arrive, or None. `number`: the recipient, if it is refused."""

    kind: str
    fault: str | None
    number: str | None


class PushRequest(TypedDict):
    """A push notification, as it is stored with the step. The subscription is read when it is sent."""

    kind: str
    notification_id: str
    device_id: str
    title: str
    text: str
    until: str


class PushAnswer(TypedDict):
    """`outcome`: `sent`, `gone`, `refused`, or `later` with the seconds in `pause`, if the push service names them.

    `service`: a digest of the endpoint to which it was sent.
    """

    kind: str
    device_id: str
    service: str
    outcome: str
    error: str | None
    pause: float | None
    until: str


def send_text(request: TextRequest, idempotency_key: str) -> TextAnswer:
    """Sends a text message. A number that is refused is an answer, not a failure of the step."""
    answer: TextAnswer = {"kind": request["kind"], "fault": None, "number": None}
    if datetime.now(UTC) > datetime.fromisoformat(request["until"]):
        return {**answer, "fault": "It could not be sent in time."}
    text = request["text"]
    if "code_of" in request:
        text = text.replace(CODE, accounts.derive_code(request["code_of"]))
    try:
        through_apprise.send(to=request["to"], text=text, key=idempotency_key)
    except MessageRefused as refusal:
        return {**answer, "fault": refusal.detail, "number": request["to"] if refusal.of_recipient else None}
    return answer


def _record_text(session: Session, run: Run, answer: TextAnswer) -> dict[str, str]:
    fault = answer["fault"]
    attempts = max(step.attempts for step in run.steps.values())
    notifications.record_delivery(
        session, answer["kind"], key=key_of(run), channel="sms", fault=fault, attempts=attempts
    )
    if answer["number"] is not None and fault is not None:
        notifications.suppress(session, answer["number"], "refused", fault)
    return {"fault": fault} if fault else {}


@service.external_step(call=send_text, record=_record_text, queue="sms")
def text_message(session: Session, run: Run[MessageInput]) -> TextRequest | None:
    """Sends a text message, unless its number was removed or replaced since."""
    stored = notifications.get_notification(session, run.input["notification_id"])
    if stored.user_id is not None and accounts.find_verified_number(session, stored.user_id) != stored.recipient:
        _give_up(session, run, stored, "The number was removed.")
        return None
    text = _as_text(stored.subject, stored.text)
    return {"kind": stored.kind, "to": stored.recipient, "text": text, "until": _until(stored)}


@service.external_step(call=send_text, record=_record_text, queue="sms")
def verification_code(session: Session, run: Run[UserInput]) -> TextRequest | None:
    """Sends the code that verifies a phone number, unless it was replaced or the number removed since.

    The code is in the text message and nowhere else: neither in the stored notification, nor in the run.
    """
    phone = accounts.find_phone(session, run.input["user_id"])
    if phone is None or phone.code_of != run.id or phone.verified_at is not None:
        return None
    user = accounts.get(session, run.input["user_id"])
    minutes = int(accounts.CODE_LIFETIME.total_seconds() // 60)
    context: contexts.PhoneCode = {"digits": CODE, "minutes": minutes}
    message = notifications.compose(
        session, kinds.PHONE_CODE, context, key=key_of(run), channel="sms", recipient=phone.number, user_id=user.id,
        language=notifications.choose_language(user.language),
    )  # fmt: skip
    return {
        "kind": kinds.PHONE_CODE.name, "to": phone.number, "code_of": run.id,
        "until": phone.code_expires_at.isoformat(), "text": _as_text(message.subject, message.text),
    }  # fmt: skip


def send_push(request: PushRequest, idempotency_key: str) -> PushAnswer:
    """Sends a push notification. A push service that fails is an answer, too: a customer has chosen it, and it must not
    open the circuit breaker for the devices of others."""
    with transaction() as session:
        device = accounts.find_device(session, request["device_id"])
    ttl = (datetime.fromisoformat(request["until"]) - datetime.now(UTC)).total_seconds()
    if device is None:
        return _answer(request, "refused", "The device was removed.")
    if ttl <= 0:
        return _answer(request, "refused", "It could not be sent in time.")
    topic = request["notification_id"].partition("_")[2]
    payload = {"title": request["title"], "body": request["text"], "tag": topic, "url": settings.public_url}
    keys = {"p256dh": device.p256dh, "auth": device.auth}
    found = web_push.send(device.endpoint, keys, payload, topic=topic, ttl=int(ttl))
    if found.is_accepted:
        return _answer(request, "sent", None, device.endpoint)
    if found.status in web_push.GONE:
        return _answer(request, "gone", "The subscription of the device has ended.", device.endpoint)
    return _answer(
        request, "later" if found.is_temporary else "refused", found.error, device.endpoint, found.retry_after
    )


def _answer(
    request: PushRequest, outcome: str, error: str | None, endpoint: str = "", pause: float | None = None
) -> PushAnswer:
    return {
        "kind": request["kind"], "device_id": request["device_id"], "until": request["until"], "outcome": outcome,
        "error": error, "pause": pause, "service": digest(endpoint),
    }  # fmt: skip


def _record_push(session: Session, run: Run, answer: PushAnswer) -> dict[str, str] | Suspend:
    about: Any = {"key": key_of(run), "channel": "push"}
    if answer["outcome"] == "later":
        reason, until = answer["error"] or "", datetime.fromisoformat(answer["until"])
        notifications.record_delay(session, answer["kind"], **about, reason=reason)
        return Suspend(min(_next_attempt(run.now(), until, answer["pause"]), until))
    fault = answer["error"]
    notifications.record_delivery(session, answer["kind"], **about, fault=fault, attempts=None)
    if answer["outcome"] == "sent":
        accounts.record_push(session, answer["device_id"])
    if answer["outcome"] == "gone":
        accounts.drop_device(session, answer["device_id"], answer["service"])
    return {"fault": fault} if fault else {}


def _next_attempt(now: datetime, until: datetime, pause: float | None) -> datetime:
    """After the pause that the push service asks for, or else after as long as it was tried so far: twice the pause
    each time."""
    tried = now - (until - VALID_FOR)
    return now + (timedelta(seconds=pause) if pause else min(max(tried, FIRST_PAUSE), LONGEST_PAUSE))


@service.external_step(call=send_push, record=_record_push, queue="push")
def push_message(session: Session, run: Run[MessageInput]) -> PushRequest | None:
    """Sends a push notification to one device, unless it was removed since."""
    stored, device_id = notifications.get_notification(session, run.input["notification_id"]), run.input["device_id"]
    device = accounts.find_device(session, device_id) if device_id else None
    if device is None or device.user_id != stored.user_id:
        _give_up(session, run, stored, "The device was removed.")
        return None
    return {
        "kind": stored.kind, "notification_id": stored.id, "device_id": device.id, "title": stored.subject,
        "text": stored.text.strip(), "until": _until(stored),
    }  # fmt: skip


def _give_up(session: Session, run: Run[MessageInput], stored: Notification, why: str) -> None:
    notifications.record_delivery(session, stored.kind, key=key_of(run), channel=stored.channel, fault=why, attempts=0)


def _as_text(title: str, text: str) -> str:
    """A text message has no subject, and comes from a number that nobody knows."""
    return f"{settings.seller_name}: {title}\n{text}".strip()


def _until(stored: Notification) -> str:
    return (stored.created_at + VALID_FOR).isoformat()
