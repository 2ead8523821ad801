"""Notifications: of which user, and who may read them."""

from dataclasses import asdict
from typing import Any

from models import notifications
from models.accounts import Principal
from models.core.database import transaction
from models.core.errors import NotAllowed, NotFound
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
