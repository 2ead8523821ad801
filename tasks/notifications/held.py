"""Mails that were held until their recipient had confirmed the e-mail address."""

from typing import Any, cast

from sqlalchemy.orm import Session

import durable
from durable import Run
from models import accounts, notifications
from models.core.workflow_inputs import UserInput
from tasks.notifications.sending import CHANNEL, Answer, Request, is_welcome, send, send_token, service


class HeldRequest(Request):
    notification_id: str


class HeldAnswer(Answer):
    notification_id: str


def send_held(request: HeldRequest, idempotency_key: str) -> HeldAnswer:
    """Sends a mail as it would have been sent when it was held."""
    answer = (send_token if "run_id" in request else send)(request, idempotency_key)
    return {**answer, "notification_id": request["notification_id"]}


def _record_held(session: Session, run: Run[UserInput], answer: HeldAnswer) -> dict[str, str]:
    user_id, sent, fault = run.input["user_id"], answer["notification_id"], answer["fault"]
    notifications.record_held(session, sent, fault, run.steps[f"{service.name}.held_mail"].attempts)
    if answer["address"] is not None and fault is not None:
        notifications.suppress(session, answer["address"], "refused", fault)
    if notifications.list_held(session, user_id):
        durable.start(session, run.workflow, key=f"{user_id}/{sent}", input={"user_id": user_id})
    return {"notification_id": sent, **({"fault": fault} if fault else {})}


@service.external_step(call=send_held, record=_record_held)
def held_mail(session: Session, run: Run[UserInput]) -> HeldRequest | None:
    """Sends the oldest mail that was held for a user, to the address that is confirmed, and starts a run for the next.
    Those that are of no use any more are dropped."""
    user = accounts.get(session, run.input["user_id"])
    if user.status != "active":  # the erasure drops them
        return None
    for row in notifications.list_held(session, user.id):
        kind = notifications.KINDS.get(row.kind)
        why = notifications.why_drop(row, user.email)
        if why is None and (kind is None or not is_welcome(session, kind, user.id, user.email)):
            why = f"Mails of this kind are not wanted by {CHANNEL} any more."
        if why is not None:
            notifications.drop(row, why)
            continue
        row.recipient = user.email
        request = cast(dict[str, Any], row.held)
        return cast(HeldRequest, {**request, "to": user.email, "notification_id": row.id})
    return None
