"""Webhook deliveries, as staff see them."""

from typing import Any

from sqlalchemy.orm import Session

from models import webhooks

SAME = (
    "id", "endpoint_id", "event_id", "type", "position", "status", "attempts", "due_at", "attempted_at", "error",
    "duration", "created_at",
)  # fmt: skip


def delivery_views(session: Session, deliveries: list[webhooks.Delivery]) -> list[dict[str, Any]]:
    """The deliveries with their requests and responses."""
    bodies = webhooks.requests_of(session, deliveries)
    return [
        {
            **{name: getattr(delivery, name) for name in SAME},
            "request": {"url": delivery.url, "body": bodies.get(delivery.event_id)},
            "response": None
            if delivery.response_status is None
            else {"status": delivery.response_status, "body": delivery.response_body},
        }
        for delivery in deliveries
    ]
