"""Roles over HTTP: no escalation of permissions, and at least one administrator."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from durable.ids import new_id
from models import access
from models.core.database import transaction


@pytest.fixture
def admin(sign_in: Callable[..., Any]) -> Any:
    return sign_in("admin", "admin")


@pytest.fixture
def registrar(sign_in: Callable[..., Any]) -> Any:
    """A user who may create and grant roles, and otherwise only read orders."""
    with transaction() as session:
        held = ("users:read", "users:write", "roles:write", "orders:read")
        access.create_role(session, held, "registrar", held)
    return sign_in("registrar", "registrar")


def roles_of(who: Any, user_id: str) -> list[str]:
    found: list[str] = who.get(f"/v1/users/{user_id}/roles").json["roles"]
    return found


def test_roles_are_listed_with_their_permissions(admin: Any, customer: Any) -> None:
    listed = admin.get("/v1/roles").json["data"]
    assert {role["name"]: set(role["permissions"]) for role in listed} == {
        name: set(held) for name, held in access.SEEDS.items()
    }
    assert {role["builtin"] for role in listed} == {True}
    assert admin.get("/v1/permissions").json["data"] == list(access.PERMISSIONS)
    assert customer.get("/v1/roles").status_code == 403


def test_a_role_is_created_changed_and_deleted(admin: Any, sign_in: Callable[..., Any]) -> None:
    clerk = sign_in("clerk")
    made = admin.post("/v1/roles", json={"name": "auditor", "permissions": ["audit:read"]})
    assert (made.status_code, made.json) == (
        201, {"name": "auditor", "permissions": ["audit:read"], "builtin": False},
    )  # fmt: skip
    again = admin.post("/v1/roles", json={"name": "auditor", "permissions": []})
    assert (again.status_code, again.json["code"]) == (409, "name_taken")
    assert admin.post(f"/v1/users/{clerk.user_id}/roles", json={"role": "auditor"}).status_code == 200
    assert clerk.get("/v1/roles").status_code == 403
    changed = admin.put("/v1/roles/auditor", json={"permissions": ["users:read", "orders:read"]})
    assert changed.json["permissions"] == ["orders:read", "users:read"]
    assert clerk.get("/v1/roles/auditor").json == changed.json  # takes effect at once
    in_use = admin.delete("/v1/roles/auditor")
    assert (in_use.status_code, in_use.json["code"], in_use.json["users"]) == (409, "role_in_use", 1)
    assert admin.delete(f"/v1/users/{clerk.user_id}/roles/auditor").status_code == 204
    assert admin.delete("/v1/roles/auditor").status_code == 204
    assert admin.get("/v1/roles/auditor").status_code == 404
    assert admin.put("/v1/roles/auditor", json={"permissions": []}).status_code == 404
    for odd in ("%00", "Admin", "a%20b"):
        assert admin.get(f"/v1/roles/{odd}").status_code == 404


@pytest.mark.parametrize(
    "role", [{"name": "X"}, {"name": "ok", "permissions": ["all"]}, {"name": "a b", "permissions": []}]
)
def test_invalid_roles_are_refused(admin: Any, role: dict[str, Any]) -> None:
    assert admin.post("/v1/roles", json=role).status_code == 422


def test_built_in_roles_cannot_be_deleted(admin: Any) -> None:
    for name in access.SEEDS:
        refused = admin.delete(f"/v1/roles/{name}")
        assert (refused.status_code, refused.json["code"]) == (409, "builtin_role")
    assert admin.put("/v1/roles/admin", json={"permissions": []}).json["code"] == "builtin_role"
    assert admin.put("/v1/roles/staff", json={"permissions": ["orders:read"]}).status_code == 200


def test_a_role_cannot_exceed_the_permissions_of_its_author(registrar: Any) -> None:
    refused = registrar.post("/v1/roles", json={"name": "mine", "permissions": ["orders:read", "payments:refund"]})
    assert (refused.status_code, refused.json["permissions"]) == (403, ["payments:refund"])
    assert registrar.post("/v1/roles", json={"name": "mine", "permissions": ["orders:read"]}).status_code == 201
    for wanted in (["orders:read", "stock:write"], ["runs:write"]):
        assert registrar.put("/v1/roles/mine", json={"permissions": wanted}).status_code == 403
    # Nor may a user remove from a role a permission that the user does not hold.
    assert registrar.put("/v1/roles/staff", json={"permissions": ["orders:read"]}).status_code == 403
    assert registrar.get("/v1/roles/mine").json["permissions"] == ["orders:read"]


def test_granting_and_revoking_require_the_permissions_of_the_role(registrar: Any, admin: Any, customer: Any) -> None:
    for who in (registrar, customer):
        for attempt in (
            registrar.post(f"/v1/users/{who.user_id}/roles", json={"role": "admin"}),
            registrar.post(f"/v1/users/{who.user_id}/roles", json={"role": "warehouse"}),
            registrar.put(f"/v1/users/{who.user_id}/roles", json={"roles": ["customer", "finance"]}),
        ):
            assert (attempt.status_code, attempt.json["code"]) == (403, "not_allowed")
    assert registrar.delete(f"/v1/users/{admin.user_id}/roles/admin").status_code == 403
    assert registrar.put(f"/v1/users/{admin.user_id}/roles", json={"roles": []}).status_code == 403
    assert roles_of(registrar, registrar.user_id) == ["customer", "registrar"]
    assert roles_of(registrar, admin.user_id) == ["admin", "customer"]
    given = registrar.post(f"/v1/users/{customer.user_id}/roles", json={"role": "registrar"})
    assert given.json["roles"] == ["customer", "registrar"]


def test_granted_and_revoked_roles_take_effect_at_once(admin: Any, customer: Any) -> None:
    roles = f"/v1/users/{customer.user_id}/roles"
    assert customer.get("/v1/stock").status_code == 403
    for _ in range(2):  # idempotent
        assert admin.post(roles, json={"role": "warehouse"}).json == {"roles": ["customer", "warehouse"]}
    assert customer.get("/v1/stock").status_code == 200
    assert admin.put(roles, json={"roles": ["finance", "customer"]}).json == {"roles": ["customer", "finance"]}
    assert customer.get("/v1/stock").status_code == 403
    assert admin.delete(f"{roles}/finance").status_code == 204
    assert admin.delete(f"{roles}/finance").status_code == 404
    assert admin.get(roles).json == {"roles": ["customer"]}
    assert admin.post(roles, json={"role": "king"}).status_code == 404
    assert admin.put(roles, json={"roles": ["staff", "king"]}).status_code == 404
    assert admin.get(roles).json == {"roles": ["customer"]}  # atomic


def test_managing_roles_requires_the_permission(staff: Any, customer: Any) -> None:
    roles = f"/v1/users/{customer.user_id}/roles"
    assert customer.get(roles).status_code == 403
    assert staff.get(roles).json == {"roles": ["customer"]}
    for refused in (
        staff.post(roles, json={"role": "customer"}),
        staff.put(roles, json={"roles": []}),
        staff.delete(f"{roles}/customer"),
        staff.post("/v1/roles", json={"name": "mine", "permissions": []}),
    ):
        assert refused.status_code == 403


def test_the_last_administrator_cannot_be_revoked(admin: Any, sign_in: Callable[..., Any]) -> None:
    own = f"/v1/users/{admin.user_id}/roles"
    for refused in (admin.delete(f"{own}/admin"), admin.put(own, json={"roles": []})):
        assert (refused.status_code, refused.json["code"]) == (409, "last_admin")
    second = sign_in("second")
    admin.post(f"/v1/users/{second.user_id}/roles", json={"role": "admin"})
    assert admin.delete(f"{own}/admin").status_code == 204
    assert admin.get(own).status_code == 403


def test_concurrent_revocations_keep_one_administrator(app: Any, sign_in: Callable[..., Any]) -> None:
    both = [sign_in("first", "admin"), sign_in("second", "admin")]

    def go(who: Any) -> int:
        path = f"/v1/users/{who.user_id}/roles/admin"
        status: int = app.test_client().delete(path, headers=who.headers).status_code
        return status

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(go, both)) == [204, 409]


def test_users_are_found_by_name_prefix(admin: Any, sign_in: Callable[..., Any]) -> None:
    ada, adam = sign_in("ada"), sign_in("adam", "staff")

    def found(query: str) -> list[str]:
        return [user["username"] for user in admin.get(f"/v1/users?{query}").json["data"]]

    assert found("") == ["adam", "ada", "admin"]
    assert found("q=ADA") == ["adam", "ada"]
    assert found("q=adam@example") == ["adam"]
    assert found("q=tester") == ["adam", "ada", "admin"]
    assert found("q=%25a") == found("q=__") == []  # no wildcards
    assert found("role=staff") == found("role=staff&q=ad") == ["adam"]
    assert admin.get(f"/v1/users/{ada.user_id}").json["email"] == "ada@example.org"
    assert "password_hash" not in admin.get(f"/v1/users/{adam.user_id}").json
    ada.delete("/v1/me")
    assert found("q=ad") == ["adam", "admin"]
    for gone in (ada.user_id, new_id("usr")):
        assert admin.get(f"/v1/users/{gone}").status_code == 404
        assert admin.post(f"/v1/users/{gone}/roles", json={"role": "staff"}).status_code == 404
    assert admin.get("/v1/users?q=a").status_code == 422
