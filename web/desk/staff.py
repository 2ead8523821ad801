"""Staff: who holds permissions, and the roles of a user."""

from typing import Any

from flask import Response, g, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import access as roles
from models import accounts
from models.core.database import transaction
from models.core.errors import NotFound
from serving.access import UserQuery, list_staff
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters
from web.desk.pages import show
from web.desk.sending import Outcome, read_outcome, send, text
from web.once import FIELD, Undoable, find_before

PERSON = '/staff/<id("usr"):user_id>'
KEYS = 50
"""API keys on the page of a user."""


@desk.get("/staff")
@access.allowed("users:read")
def staff_page() -> Response:
    """The list of those who hold permissions, newest first."""
    filters = read_filters(UserQuery(), "q", "role")
    found: Any = {"data": [], "next_cursor": None}
    if filters.values is not None:
        found = list_staff({**filters.values, **filters.place})
    with transaction() as session:
        names = session.scalars(select(roles.Role.name).order_by(roles.Role.name)).all()
    return show("staff.html", section="desk.staff_page", staff=found["data"], cursor=found["next_cursor"],
                filters=filters, roles=names)  # fmt: skip


@desk.get(PERSON)
@access.allowed("users:read")
def person_page(user_id: str) -> Response:
    """The roles, permissions and API keys of a user."""
    return _show(user_id, read_outcome())


@desk.post(f"{PERSON}/roles")
@takes_form
@access.allowed("users:write")
def grant_role(user_id: str) -> Response:
    """Assigns a role to a user, effective immediately."""

    def work(session: Session) -> str:
        accounts.get_active(session, user_id)
        roles.grant_role(session, g.principal.permissions, user_id, text("role"))
        return url_for("desk.person_page", user_id=user_id, done="role_granted")

    return send(work, lambda outcome, status: _show(user_id, outcome, status))


@desk.post(f"{PERSON}/roles/<role:role>/revoke")
@takes_form
@access.allowed("users:write")
def revoke_role(user_id: str, role: str) -> Response:
    """Removes a role from a user, effective immediately. The last administrator cannot be removed."""

    def work(session: Session) -> Undoable:
        accounts.get_active(session, user_id)
        roles.revoke_role(session, g.principal.permissions, user_id, role)
        address = url_for("desk.person_page", user_id=user_id, done="role_revoked", undo=text(FIELD))
        return Undoable(address, {"user_id": user_id, "role": role})

    return send(work, lambda outcome, status: _show(user_id, outcome, status))


def _find_taken(session: Session, user_id: str, token: str) -> str:
    """The role that the form with this token has taken away from the user; empty if it has taken none: a link that
    somebody else has made offers nothing."""
    try:
        before = find_before(session, token)
    except NotFound:
        return ""
    return str(before["role"]) if before.get("user_id") == user_id else ""


def _show(user_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        user = accounts.get_active(session, user_id)
        held = {name: roles.get_role(session, name)[1] for name in roles.roles_of(session, user_id)}
        undo = _find_taken(session, user_id, outcome.undo) if outcome.undo else ""
        permissions = sorted(roles.permissions_of(session, user_id))
        names = session.scalars(select(roles.Role.name).order_by(roles.Role.name)).all()
        keys: Any = []
        if access.may("keys:write"):
            newest = roles.list_keys().where(roles.ApiKey.user_id == user_id).order_by(roles.ApiKey.id.desc())
            keys = session.scalars(newest.limit(KEYS)).all()
    return show(
        "person.html", status, section="desk.staff_page", user=user, held=held, permissions=permissions, keys=keys,
        others=[name for name in names if name not in held], outcome=outcome, undo=undo,
    )  # fmt: skip
