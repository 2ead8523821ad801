"""The audit log: what staff and operators have done, and whether its chain is unbroken."""

import re
from typing import Any

from flask import Response, request
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import access as roles
from models import accounts
from models.core import audit_chain
from models.core.audit_chain import KINDS, AuditEntry
from models.core.database import transaction
from models.core.event_log import Event, event_names
from models.operations import audit_log
from serving.fields import Timestamp
from serving.pages import PageQuery, page
from web import access
from web.blueprint import desk
from web.desk.filters import Filters, read_filters
from web.desk.pages import may, show
from web.forms import is_id
from web.language import gettext
from web.language import translatable as _

CHECK, USERS = "audit:read", "users:read"
NAMES = {
    "staff.acted": _("a change by staff"), "operator.acted": _("a change by an operator"),
    "role.created": _("role created"), "role.changed": _("role changed"), "role.deleted": _("role deleted"),
    "role.granted": _("role given"), "role.revoked": _("role taken away"), "key.created": _("API key created"),
    "key.revoked": _("API key revoked"),
}  # fmt: skip
"""Event → words."""
EVENTS = [name for kind in KINDS for name in event_names(kind)]
PAGES = {
    "ord": "/desk/orders/", "prd": "/desk/products/", "usr": "/desk/staff/", "whe": "/desk/webhooks/",
    "whd": "/desk/webhooks/deliveries/", "key": "/desk/api-keys/", "imp": "/desk/imports/", "run": "/ops/runs/",
}  # fmt: skip
"""Prefix of an id → where its page is."""
LISTED = 50
"""Faults that the check lists; accounts that a name may mean."""


class EntryFilters(PageQuery):
    name = fields.String(validate=validate.OneOf(EVENTS))
    actor = fields.String(validate=validate.Length(2, 254))
    subject = fields.String(validate=validate.Length(1, 64))
    since = Timestamp(data_key="from")
    until = Timestamp(data_key="to")


@desk.get("/audit-log")
@access.allowed("runs:read")
def audit_log_page() -> Response:
    """The entries, newest first."""
    filters = read_filters(EntryFilters(), "name", "actor", "subject", "from", "to")
    found: Any = {"data": [], "next_cursor": None}
    with transaction() as session:
        if filters.values is not None:
            chosen = audit_log.select_entries(**_chosen(session, filters))
            found = page(session, chosen, AuditEntry.number.desc(), **filters.place)
        events = [event for _, event in found["data"]]
        actors = _actors(session, events)
        last = audit_chain.last_entry(session) if may(CHECK) else None
    subjects = {event.subject: _address(event.subject) for event in events if event.subject}
    return show(
        "audit_log.html", section="desk.audit_log_page", entries=found["data"], cursor=found["next_cursor"],
        filters=filters, actors=actors, last=last, subjects=subjects, may_check=may(CHECK),
        names={name: gettext(NAMES.get(name, name)) for name in EVENTS},
    )  # fmt: skip


@desk.get("/audit-log/check")
@access.allowed(CHECK)
def check_audit_log() -> Response:
    """Verifies the whole chain now, and whether an entry that was kept elsewhere is still in it."""
    kept = request.args.get("entry", "").strip()
    is_readable = _is_entry(kept)
    with transaction() as session:
        figures, faults = audit_log.verify(session)
        is_there = audit_log.has_entry(session, kept) if kept and is_readable else None
        last = audit_chain.last_entry(session)
    return show(
        "audit_log_check.html", section="desk.audit_log_page", figures=figures, faults=faults[:LISTED], kept=kept,
        is_readable=is_readable, is_there=is_there, last=last,
    )  # fmt: skip


def _chosen(session: Session, filters: Filters) -> dict[str, Any]:
    """The filters as the rule takes them. An actor is an id, or the beginning of a name."""
    chosen = dict(filters.values or {})
    actor = chosen.pop("actor", None)
    if actor is not None:
        chosen["actors"] = [actor] if is_id("usr", actor) or is_id("key", actor) else _find_actors(session, actor)
    return chosen


def _find_actors(session: Session, name: str) -> list[str]:
    """The users whose username, e-mail address or last name begins like this, and their API keys; nobody without the
    permission to read users, since each letter would tell more of an address."""
    if not may(USERS):
        return []
    users = [
        user.id for user in session.scalars(accounts.find_users(name, None).order_by(accounts.User.id).limit(LISTED))
    ]
    keys = session.scalars(select(roles.ApiKey.id).where(roles.ApiKey.user_id.in_(users)))
    return [*users, *keys]


def _actors(session: Session, events: list[Event]) -> dict[str, tuple[str, str]]:
    """Actor → its name and the address of its page; without those that no longer exist, and without permission."""
    if not may(USERS):
        return {}
    ids = {event.actor for event in events if event.actor}
    users = [id_ for id_ in ids if is_id("usr", id_)]
    found = session.execute(select(accounts.User.id, accounts.User.username).where(accounts.User.id.in_(users)))
    named = {id_: (name, _address(id_)) for id_, name in found}
    keys = [id_ for id_ in ids if is_id("key", id_)]
    found = session.execute(select(roles.ApiKey.id, roles.ApiKey.name).where(roles.ApiKey.id.in_(keys)))
    return named | {id_: (name, _address(id_)) for id_, name in found}


def _address(id_: str) -> str:
    prefix = id_.partition("_")[0]
    return f"{PAGES[prefix]}{id_}" if prefix in PAGES and is_id(prefix, id_) else ""


def _is_entry(kept: str) -> bool:
    """Whether this is `number:code`, as the last entry is shown, or nothing."""
    return re.fullmatch(r"(\d{1,18}:[0-9a-fA-F]{8,64})?", kept) is not None
