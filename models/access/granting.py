"""Granting: you can only grant or revoke permissions that you hold. There is always an administrator."""

from collections.abc import Collection, Iterable

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.access.keys import ApiKey
from models.access.roles import ADMIN, SEEDS, Role, RolePermission, UserRole, permissions_in, roles_of
from models.core import event_log
from models.core.errors import Conflict, NotAllowed, NotFound
from models.core.events import RoleChanged, RoleCreated, RoleDeleted, RoleGranted, RoleRevoked


def list_roles() -> Select[str, list[str]]:
    """The query for roles: name and permissions."""
    return select(Role.name, permissions_in(Role.name).label("permissions"))


def get_role(session: Session, name: str, *, lock: bool = False) -> tuple[str, list[str]]:
    """A role's name and permissions, with `lock` locked against changes. Raises NotFound."""
    if lock:
        _lock(session, name)
    found = session.execute(list_roles().where(Role.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"No such role: {name}.")
    return found.name, found.permissions


def create_role(session: Session, held: Collection[str], name: str, permissions: Iterable[str]) -> None:
    """Creates a role with permissions from `held`. Raises Conflict (`name_taken`) and NotAllowed."""
    wanted = set(permissions)
    _check_held(held, wanted)
    made = insert(Role).values(name=name).on_conflict_do_nothing().returning(Role.name)
    if session.scalars(made).one_or_none() is None:
        raise Conflict(f"The role {name} already exists.", code="name_taken")
    _add_permissions(session, name, wanted)
    event_log.emit(session, RoleCreated(subject=name, permissions=sorted(wanted)))


def change_role(session: Session, held: Collection[str], name: str, permissions: Iterable[str]) -> None:
    """Replaces the permissions of a role, effective immediately for all its users. Raises NotFound, NotAllowed, and
    Conflict (`builtin_role`) for the administrator role."""
    _lock(session, name)
    if name == ADMIN:
        raise Conflict("The administrator role cannot be changed; create another role.", code="builtin_role")
    wanted = set(permissions)
    had = set(session.scalars(select(RolePermission.permission).where(RolePermission.role == name)))
    _check_held(held, wanted ^ had)
    _add_permissions(session, name, wanted - had)
    gone = RolePermission.role == name, RolePermission.permission.in_(had - wanted)
    session.execute(delete(RolePermission).where(*gone))
    changed = RoleChanged(subject=name, added=sorted(wanted - had), removed=sorted(had - wanted))
    event_log.emit(session, changed)


def delete_role(session: Session, held: Collection[str], name: str) -> None:
    """Deletes a role that no user has. Raises NotFound, NotAllowed, and Conflict (`builtin_role` for a seed role,
    `role_in_use`)."""
    _lock(session, name)
    if name in SEEDS:
        raise Conflict(f"The built-in role {name} cannot be deleted.", code="builtin_role")
    users = session.scalars(select(func.count()).select_from(UserRole).where(UserRole.role == name)).one()
    if users:
        raise Conflict(
            f"The role is assigned to {users} users; remove it from them first.", code="role_in_use", users=users
        )
    _check_held(held, session.scalars(select(permissions_in(name))).one())
    session.execute(delete(Role).where(Role.name == name))
    event_log.emit(session, RoleDeleted(subject=name))


def grant_role(session: Session, held: Collection[str], user_id: str, role: str) -> None:
    """Assigns a role to a user. Idempotent. Raises NotFound and NotAllowed."""
    _check_all_held(session, held, role)
    new = insert(UserRole).values(user_id=user_id, role=role).on_conflict_do_nothing().returning(UserRole.role)
    if session.scalars(new).one_or_none() is not None:
        event_log.emit(session, RoleGranted(subject=user_id, role=role))


def revoke_role(session: Session, held: Collection[str], user_id: str, role: str) -> None:
    """Removes a role from a user. Raises NotFound, NotAllowed, and Conflict (`last_admin`)."""
    _check_all_held(session, held, role)
    if role == ADMIN:
        _check_another_admin(session, user_id)
    had = delete(UserRole).where(UserRole.user_id == user_id, UserRole.role == role).returning(UserRole.role)
    if session.scalars(had).one_or_none() is None:
        raise NotFound(f"The user does not have the role {role}.")
    event_log.emit(session, RoleRevoked(subject=user_id, role=role))


def set_roles(session: Session, held: Collection[str], user_id: str, roles: Iterable[str]) -> None:
    """Replaces the roles of a user. Raises what `grant_role` and `revoke_role` raise; then nothing changes."""
    wanted, had = set(roles), set(roles_of(session, user_id))
    for role in sorted(wanted - had):
        grant_role(session, held, user_id, role)
    for role in sorted(had - wanted):
        revoke_role(session, held, user_id, role)


def remove_user(session: Session, user_id: str) -> None:
    """Removes all roles and API keys of a user whose account is closed. Raises Conflict (`last_admin`)."""
    _check_another_admin(session, user_id)
    session.execute(delete(UserRole).where(UserRole.user_id == user_id))
    session.execute(delete(ApiKey).where(ApiKey.user_id == user_id))


def _check_another_admin(session: Session, user_id: str) -> None:
    """Raises Conflict for the last administrator. The lock prevents the last two from leaving concurrently."""
    if ADMIN not in roles_of(session, user_id):
        return
    _lock(session, ADMIN)
    others = select(UserRole.user_id).where(UserRole.role == ADMIN, UserRole.user_id != user_id)
    if session.scalars(others.limit(1)).first() is None:
        raise Conflict("This is the last administrator; appoint another one first.", code="last_admin")


def _check_all_held(session: Session, held: Collection[str], role: str) -> None:
    """Checks that `held` contains all permissions of the role, which is locked against changes."""
    _lock(session, role)
    _check_held(held, session.scalars(select(permissions_in(role))).one())


def _check_held(held: Collection[str], permissions: Iterable[str]) -> None:
    missing = sorted(set(permissions) - set(held))
    if missing:
        why = f"You cannot grant or revoke permissions that you lack: {', '.join(missing)}."
        raise NotAllowed(why, permissions=missing)


def _lock(session: Session, role: str) -> None:
    if session.scalars(select(Role.name).where(Role.name == role).with_for_update()).one_or_none() is None:
        raise NotFound(f"No such role: {role}.")


def _add_permissions(session: Session, role: str, permissions: Iterable[str]) -> None:
    rows = [{"role": role, "permission": permission} for permission in sorted(permissions)]
    if rows:
        session.execute(insert(RolePermission), rows)
