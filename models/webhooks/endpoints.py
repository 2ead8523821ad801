"""Endpoints: created, changed, disabled, and their secrets rotated."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.core import event_feed
from models.core.errors import Conflict, NotFound
from models.core.quotas import check_quota, lock_name
from models.webhooks.addresses import check_url
from models.webhooks.signing import new_secret
from models.webhooks.tables import Endpoint
from settings import settings

OVERLAP = timedelta(hours=24)
"""For how long the previous secret signs, too, after a rotation."""


def create_endpoint(session: Session, url: str, types: Sequence[str], description: str) -> Endpoint:
    """Creates an endpoint, to which events of these types are delivered from now on.

    Without any, all but those for operators. Raises Invalid `url_not_allowed` and Conflict `too_many_endpoints`.
    """
    check_url(url)
    lock_name(session, "webhook endpoints")
    detail = "There are as many endpoints as the shop allows. Delete one first."
    refusal = Conflict(detail, code="too_many_endpoints", limit=settings.webhook_endpoints)
    check_quota(session, list_endpoints(), refusal)
    endpoint = Endpoint(
        id=new_id("whe"), url=url, types=sorted(set(types)), description=description, secret=new_secret(),
        cursor=event_feed.last_position(session),
    )  # fmt: skip
    session.add(endpoint)
    session.flush()
    session.refresh(endpoint)
    return endpoint


def list_endpoints() -> Select[Endpoint]:
    """The query for all endpoints. The caller orders it."""
    return select(Endpoint).where(Endpoint.deleted_at.is_(None))


def get_endpoint(session: Session, endpoint_id: str, *, lock: bool = False) -> Endpoint:
    """Returns an endpoint, with `lock` locked. Raises NotFound."""
    query = list_endpoints().where(Endpoint.id == endpoint_id)
    endpoint = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if endpoint is None:
        raise NotFound("No such webhook endpoint.")
    return endpoint


def update_endpoint(session: Session, endpoint_id: str, changes: Mapping[str, Any]) -> Endpoint:
    """Changes `url`, `types`, `description` or `status` of an endpoint.

    An endpoint that is enabled again continues with its deliveries that have not ended, and with events from now on;
    those in between can be redelivered. Raises NotFound and Invalid `url_not_allowed`.
    """
    endpoint = get_endpoint(session, endpoint_id, lock=True)
    if "url" in changes:
        check_url(changes["url"])
        endpoint.url = changes["url"]
    if "types" in changes:
        endpoint.types = sorted(set(changes["types"]))
    endpoint.description = changes.get("description", endpoint.description)
    if changes.get("status", endpoint.status) != endpoint.status:
        if changes["status"] == "enabled":
            endpoint.disabled_at = endpoint.disabled_because = endpoint.failing_since = None
            endpoint.cursor = event_feed.last_position(session)
        else:
            endpoint.disabled_at, endpoint.disabled_because = func.now(), "Disabled by staff."
    endpoint.updated_at = func.now()
    session.flush()
    session.refresh(endpoint)
    return endpoint


def delete_endpoint(session: Session, endpoint_id: str) -> None:
    """Deletes an endpoint and its secrets. Raises NotFound."""
    endpoint = get_endpoint(session, endpoint_id, lock=True)
    endpoint.deleted_at = endpoint.updated_at = func.now()
    endpoint.secret, endpoint.previous_secret = "", None
    session.flush()


def rotate_secret(session: Session, endpoint_id: str) -> Endpoint:
    """Gives an endpoint a new secret. The previous one signs, too, for a day. Raises NotFound."""
    endpoint = get_endpoint(session, endpoint_id, lock=True)
    endpoint.previous_secret, endpoint.secret = endpoint.secret, new_secret()
    endpoint.previous_until = func.now() + OVERLAP
    endpoint.updated_at = func.now()
    session.flush()
    session.refresh(endpoint)
    return endpoint
