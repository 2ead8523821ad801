"""Who may hand out what: nobody gives or takes away what he does not hold himself. An administrator always remains."""

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
    """The query for roles: name, permissions."""
    return select(Role.name, permissions_in(Role.name).label("permissions"))


def get_role(session: Session, name: str) -> tuple[str, list[str]]:
    """A role's name and permissions. Raises NotFound."""
    found = session.execute(list_roles().where(Role.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"No such role: {name}.")
    return found.name, found.permissions


def create_role(session: Session, held: Collection[str], name: str, permissions: Iterable[str]) -> None:
    """Makes a role with some of the permissions that the maker holds. Raises Conflict (`name_taken`), NotAllowed."""
    wanted = set(permissions)
    _check_held(held, wanted)
    made = insert(Role).values(name=name).on_conflict_do_nothing().returning(Role.name)
    if session.scalars(made).one_or_none() is None:
        raise Conflict(f"There is a role {name} already.", code="name_taken")
    _hold(session, name, wanted)
    event_log.emit(session, RoleCreated(subject=name, permissions=sorted(wanted)))


def change_role(session: Session, held: Collection[str], name: str, permissions: Iterable[str]) -> None:
    """Gives a role just these permissions, at once for everybody who has it. Raises NotFound, NotAllowed, and Conflict
    (`builtin_role`) for the administrators' role."""
    _lock(session, name)
    if name == ADMIN:
        raise Conflict("The administrators' role stays as it is; make another one.", code="builtin_role")
    wanted = set(permissions)
    had = set(session.scalars(select(RolePermission.permission).where(RolePermission.role == name)))
    _check_held(held, wanted ^ had)
    _hold(session, name, wanted - had)
    gone = RolePermission.role == name, RolePermission.permission.in_(had - wanted)
    session.execute(delete(RolePermission).where(*gone))
    changed = RoleChanged(subject=name, added=sorted(wanted - had), removed=sorted(had - wanted))
    event_log.emit(session, changed)


def delete_role(session: Session, held: Collection[str], name: str) -> None:
    """Deletes a role that nobody has. Raises NotFound, NotAllowed, and Conflict: `builtin_role` for one with which
    every shop begins, `role_in_use`."""
    _lock(session, name)
    if name in SEEDS:
        raise Conflict(f"Every shop has the role {name}; it stays.", code="builtin_role")
    users = session.scalars(select(func.count()).select_from(UserRole).where(UserRole.role == name)).one()
    if users:
        raise Conflict(f"{users} users have this role; take it away from them first.", code="role_in_use", users=users)
    _check_held(held, session.scalars(select(permissions_in(name))).one())
    session.execute(delete(Role).where(Role.name == name))
    event_log.emit(session, RoleDeleted(subject=name))


def grant_role(session: Session, held: Collection[str], user_id: str, role: str) -> None:
    """Gives a user a role; one that the user has already changes nothing. Raises NotFound and NotAllowed."""
    _check_all_held(session, held, role)
    new = insert(UserRole).values(user_id=user_id, role=role).on_conflict_do_nothing().returning(UserRole.role)
    if session.scalars(new).one_or_none() is not None:
        event_log.emit(session, RoleGranted(subject=user_id, role=role))


def revoke_role(session: Session, held: Collection[str], user_id: str, role: str) -> None:
    """Takes a role from a user. Raises NotFound, NotAllowed, and Conflict (`last_admin`)."""
    _check_all_held(session, held, role)
    if role == ADMIN:
        _check_another_admin(session, user_id)
    had = delete(UserRole).where(UserRole.user_id == user_id, UserRole.role == role).returning(UserRole.role)
    if session.scalars(had).one_or_none() is None:
        raise NotFound(f"This user does not have the role {role}.")
    event_log.emit(session, RoleRevoked(subject=user_id, role=role))


def set_roles(session: Session, held: Collection[str], user_id: str, roles: Iterable[str]) -> None:
    """Gives a user just these roles. Raises what `grant_role` and `revoke_role` raise, and changes nothing then."""
    wanted, had = set(roles), set(roles_of(session, user_id))
    for role in sorted(wanted - had):
        grant_role(session, held, user_id, role)
    for role in sorted(had - wanted):
        revoke_role(session, held, user_id, role)


def remove_user(session: Session, user_id: str) -> None:
    """Takes all roles and keys from a user whose account is closed. Raises Conflict (`last_admin`)."""
    _check_another_admin(session, user_id)
    session.execute(delete(UserRole).where(UserRole.user_id == user_id))
    session.execute(delete(ApiKey).where(ApiKey.user_id == user_id))


def _check_another_admin(session: Session, user_id: str) -> None:
    """Refuses to leave the shop without an administrator. One at a time, so that the last two don't both go."""
    if ADMIN not in roles_of(session, user_id):
        return
    _lock(session, ADMIN)
    others = select(UserRole.user_id).where(UserRole.role == ADMIN, UserRole.user_id != user_id)
    if session.scalars(others.limit(1)).first() is None:
        raise Conflict("This is the last administrator; make another one first.", code="last_admin")


def _check_all_held(session: Session, held: Collection[str], role: str) -> None:
    """Everything that a role holds, at this moment: it is locked against changes."""
    _lock(session, role)
    _check_held(held, session.scalars(select(permissions_in(role))).one())


def _check_held(held: Collection[str], permissions: Iterable[str]) -> None:
    missing = sorted(set(permissions) - set(held))
    if missing:
        why = f"You can't hand out or take away what you don't have yourself: {', '.join(missing)}."
        raise NotAllowed(why, permissions=missing)


def _lock(session: Session, role: str) -> None:
    if session.scalars(select(Role.name).where(Role.name == role).with_for_update()).one_or_none() is None:
        raise NotFound(f"There is no role {role}.")


def _hold(session: Session, role: str, permissions: Iterable[str]) -> None:
    rows = [{"role": role, "permission": permission} for permission in sorted(permissions)]
    if rows:
        session.execute(insert(RolePermission), rows)
