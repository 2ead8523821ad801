"""Roles: the list, and creating, changing and deleting one."""

from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.access.schemas import NewRole, RoleChanges
from models import access as roles
from models.core.database import transaction
from serving.pages import PageQuery
from serving.staff_actions import name_subject
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.desk.versions import check_version, version_of

ROLE = "/roles/<role:name>"


@desk.get("/roles")
@access.allowed("users:read")
def roles_page() -> Response:
    """All roles with their permissions, sorted by name."""
    filters = read_filters(PageQuery())
    with transaction() as session:
        found = read_rows(session, filters, roles.list_roles, roles.Role.name)
        holders = select(roles.UserRole.role, func.count()).group_by(roles.UserRole.role)
        names = [name for name, _ in found["data"]]
        counts = dict(session.execute(holders.where(roles.UserRole.role.in_(names))).all())
    return show("roles.html", section="desk.roles_page", roles=found["data"], cursor=found["next_cursor"],
                filters=filters, counts=counts, outcome=read_outcome(), seeds=roles.SEEDS)  # fmt: skip


@desk.get("/new-role")
@access.allowed("roles:write")
def new_role() -> Response:
    """The form for a new role."""
    return _show_new(Outcome())


@desk.post("/new-role")
@takes_form
@access.allowed("roles:write")
def create_role() -> Response:
    """Creates a role with permissions that its creator holds."""

    def work(session: Session) -> str:
        body: Any = load(NewRole(partial=("permissions",)), name=text("name"), permissions=_chosen())
        roles.create_role(session, g.principal.permissions, body["name"], body.get("permissions", []))
        name_subject(body["name"])
        return url_for("desk.role_page", name=body["name"], done="role_created")

    return send(work, _show_new)


@desk.get(ROLE)
@access.allowed("users:read")
def role_page(name: str) -> Response:
    """A role and its permissions."""
    return _show(name, read_outcome())


@desk.post(ROLE)
@takes_form
@access.allowed("roles:write")
def save_role(name: str) -> Response:
    """Replaces the permissions of a role, effective immediately for all its users."""

    def work(session: Session) -> str:
        body: Any = load(RoleChanges(partial=True), permissions=_chosen())
        check_version(*roles.get_role(session, name, lock=True)[1])
        roles.change_role(session, g.principal.permissions, name, body.get("permissions", []))
        return url_for("desk.role_page", name=name, done="role_saved")

    return send(work, lambda outcome, status: _show(name, outcome, status))


@desk.post(f"{ROLE}/delete")
@takes_form
@access.allowed("roles:write")
def delete_role(name: str) -> Response:
    """Deletes a role that nobody has."""

    def work(session: Session) -> str:
        check_version(*roles.get_role(session, name, lock=True)[1])
        roles.delete_role(session, g.principal.permissions, name)
        return url_for("desk.roles_page", done="role_deleted")

    return send(work, lambda outcome, status: _show(name, outcome, status))


def _chosen() -> list[str]:
    return sorted(set(request.form.getlist("permissions")))


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    return show("role_new.html", status, section="desk.roles_page", outcome=outcome, chosen=_chosen(),
                permissions=roles.PERMISSIONS, out_of_reach=_out_of_reach())  # fmt: skip


def _show(name: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        _, held = roles.get_role(session, name)
        holders = session.scalars(select(func.count()).where(roles.UserRole.role == name)).one()
    return show(
        "role.html", status, section="desk.roles_page", name=name, held=held, holders=holders, outcome=outcome,
        chosen=_chosen() if outcome.refusal else held, permissions=roles.PERMISSIONS, out_of_reach=_out_of_reach(),
        is_admin=name == roles.ADMIN, is_builtin=name in roles.SEEDS, version=version_of(*held),
    )  # fmt: skip


def _out_of_reach() -> list[str]:
    """The permissions that whoever looks at the page lacks, and can neither grant nor revoke."""
    return [one for one in roles.PERMISSIONS if one not in g.principal.permissions]
