"""Notifications: of which user, and who may read them; previews and tests of templates."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

import durable
from models import accounts, notifications
from models.accounts import Principal
from models.core.database import transaction
from models.core.errors import NotAllowed, NotFound
from models.notifications.rendering import Source
from serving.fields import IdField
from serving.pages import Page, PageQuery, page

READ = "notifications:read"


class NotificationQuery(PageQuery):
    user_id = IdField("usr", metadata={"description": "With the permission `notifications:read`: of another user"})


def list_of_user(principal: Principal, query: dict[str, Any]) -> Page:
    """A page of what was sent to the principal, newest first, or to another user (`user_id`). Raises NotAllowed."""
    user_id = query.pop("user_id", principal.user_id)
    if user_id != principal.user_id and READ not in principal.permissions:
        raise NotAllowed(f"This requires the permission {READ}.", permission=READ)
    with transaction() as session:
        chosen = notifications.select_notifications(user_id)
        found = page(session, chosen, notifications.Notification.id.desc(), **query)
        found["data"] = notifications.describe_deliveries(session, found["data"])
    return found


def read_one(principal: Principal, notification_id: str) -> dict[str, object]:
    """A notification with its text. Raises NotFound unless it is the principal's, or they hold the permission."""
    with transaction() as session:
        row, text = notifications.read_text(session, notification_id)
        if row.user_id != principal.user_id and READ not in principal.permissions:
            raise NotFound("No such notification.")
        return {**asdict(notifications.describe_deliveries(session, [row])[0]), "text": text}


def preview_template(session: Session, key: tuple[str, str, str], draft: Mapping[str, str]) -> dict[str, str]:
    """Subject, text and HTML of a draft with the kind's example; what it lacks is that of the template in use.

    `key`: kind, channel, language. The HTML is the complete page of a mail; of other channels it is empty. Raises
    NotFound and TemplateRefused.
    """
    now = notifications.get_template(session, key)
    made = notifications.preview(key, Source(draft.get("subject", now.subject), draft.get("text", now.text)))
    if now.channel != notifications.CHANNELS[0]:
        return {"subject": made.subject, "text": made.text, "html": ""}
    mail = notifications.dress(made.subject, made.text, made.html, now.language)
    return {"subject": made.subject, "text": mail.text, "html": mail.page}


def send_test(session: Session, user_id: str, kind: str, channel: str, language: str) -> str:
    """Starts the run that sends a kind with its example to a user, by the template in use; returns the run.

    Raises NotFound, and Conflict `not_reachable`.
    """
    declared = notifications.KINDS.get(kind)
    if declared is None or channel not in declared.all_channels:
        raise NotFound("No such template.")
    if channel != notifications.CHANNELS[0]:
        return accounts.send_example(session, user_id, declared, channel, language)
    about = {"user_id": user_id, "kind": kind, "language": language}
    return durable.start(session, "notification_test", key=uuid4().hex, input=about, owner=user_id)
