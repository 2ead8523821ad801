"""Roles, their permissions, and their assignment to users."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, ForeignKey, ScalarSelect, String, func, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array, insert
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from durable.ids import Id
from models.core.database import Base, Created
from models.core.errors import NotFound

PERMISSIONS = (
    "audit:read", "keys:write", "notifications:read", "notifications:write", "orders:read", "orders:write",
    "payments:capture", "payments:read", "payments:refund", "products:write", "reports:read", "reservations:write",
    "roles:write", "runs:read", "runs:write", "stock:approve", "stock:read", "stock:write", "users:read", "users:write",
    "webhooks:read", "webhooks:write",
)  # fmt: skip

SEEDS: dict[str, tuple[str, ...]] = {
    "customer": (),
    "staff": (
        "notifications:read", "notifications:write", "orders:read", "orders:write", "products:write", "runs:read",
        "stock:read", "users:read",
    ),
    "warehouse": (
        "orders:read", "orders:write", "reports:read", "reservations:write", "stock:approve", "stock:read",
        "stock:write",
    ),
    "finance": (
        "audit:read", "orders:read", "payments:capture", "payments:read", "payments:refund", "reports:read",
    ),
    "admin": PERMISSIONS,
}  # fmt: skip
"""Role → permissions, `resource:action`, of a new shop. Afterwards they are data."""
ADMIN = "admin"
"""The role that cannot be changed and that at least one user has."""


class Role(Base):
    """A named set of permissions."""

    __tablename__ = "role"
    __table_args__ = ({"schema": "access"},)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)


class RolePermission(Base):
    """A permission of a role."""

    __tablename__ = "role_permission"
    __table_args__ = ({"schema": "access"},)
    role: Mapped[str] = mapped_column(ForeignKey(Role.name, ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(String(64), primary_key=True)


class UserRole(Base):
    """A role of a user."""

    __tablename__ = "user_role"
    __table_args__ = ({"schema": "access"},)
    user_id: Mapped[str] = mapped_column(Id("usr"), primary_key=True)
    role: Mapped[str] = mapped_column(ForeignKey(Role.name, ondelete="CASCADE"), primary_key=True, index=True)
    granted_at: Mapped[Created]


def seed(session: Session | Connection) -> None:
    """Inserts the roles of SEEDS with their permissions. Idempotent."""
    session.execute(insert(Role).on_conflict_do_nothing(), [{"name": role} for role in SEEDS])
    held = [{"role": role, "permission": name} for role, permissions in SEEDS.items() for name in permissions]
    session.execute(insert(RolePermission).on_conflict_do_nothing(), held)


def grant(session: Session, user_id: str, role: str) -> None:
    """Assigns a role without checking permissions. Idempotent. Raises NotFound for an unknown role."""
    if session.get(Role, role) is None:
        raise NotFound(f"No such role: {role}.")
    session.execute(insert(UserRole).values(user_id=user_id, role=role).on_conflict_do_nothing())


def roles_held(user_id: str | InstrumentedAttribute[str]) -> ScalarSelect[list[str]]:
    """The roles of a user by name, as an array, as a subquery. `user_id` may be a column."""
    roles = func.array_agg(aggregate_order_by(UserRole.role, UserRole.role))
    return select(_or_empty(roles)).where(UserRole.user_id == user_id).scalar_subquery()


def permissions_held(user_id: str | InstrumentedAttribute[str]) -> ScalarSelect[list[str]]:
    """The permissions of all roles of a user as an array, as a subquery."""
    permissions = func.array_agg(RolePermission.permission.distinct())
    held = select(_or_empty(permissions)).join(UserRole, UserRole.role == RolePermission.role)
    return held.where(UserRole.user_id == user_id).scalar_subquery()


def permissions_in(role: str | InstrumentedAttribute[str]) -> ScalarSelect[list[str]]:
    """The permissions of a role as an array, as a subquery. `role` may be a column."""
    names = func.array_agg(aggregate_order_by(RolePermission.permission, RolePermission.permission))
    return select(_or_empty(names)).where(RolePermission.role == role).scalar_subquery()


def roles_of(session: Session, user_id: str) -> list[str]:
    """The roles of a user, sorted by name."""
    return sorted(session.scalars(select(UserRole.role).where(UserRole.user_id == user_id)))


def permissions_of(session: Session, user_id: str) -> frozenset[str]:
    """The permissions of all roles of a user."""
    return frozenset(session.scalars(select(permissions_held(user_id))).one())


def _or_empty(names: ColumnElement[Sequence[str]]) -> ColumnElement[list[str]]:
    return func.coalesce(names, array([], type_=String), type_=ARRAY(String))
