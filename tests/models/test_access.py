"""Roles and permissions in the database."""

import pytest
from sqlalchemy import delete, func, select

from durable.ids import new_id
from models import access
from models.core.database import transaction
from models.core.errors import NotFound


def test_a_new_shop_has_the_seeded_roles() -> None:
    with transaction() as session:
        held = session.execute(select(access.RolePermission.role, access.RolePermission.permission)).all()
        roles = session.scalars(select(access.Role.name)).all()
    assert set(roles) == set(access.SEEDS)
    assert {tuple(row) for row in held} == {
        (role, name) for role, permissions in access.SEEDS.items() for name in permissions
    }


def test_permissions_are_the_union_of_all_roles() -> None:
    user_id = new_id("usr")
    with transaction() as session:
        assert access.permissions_of(session, user_id) == frozenset()
        for role in ("customer", "warehouse", "finance", "finance"):
            access.grant(session, user_id, role)
        assert access.permissions_of(session, user_id) == {*access.SEEDS["warehouse"], *access.SEEDS["finance"]}
        assert session.scalars(select(access.roles_held(user_id))).one() == ["customer", "finance", "warehouse"]


def test_an_unknown_role_is_not_found() -> None:
    with transaction() as session, pytest.raises(NotFound):
        access.grant(session, new_id("usr"), "king")


def test_seeding_again_adds_only_missing_roles() -> None:
    with transaction() as session:
        session.execute(delete(access.Role).where(access.Role.name == "finance"))
        access.seed(session)
        access.seed(session)
        permissions = select(func.count()).where(access.RolePermission.role == "finance")
        assert session.scalars(permissions).one() == len(access.SEEDS["finance"])
