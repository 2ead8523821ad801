"""API keys over HTTP: a key has exactly its permissions."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from models import access
from models.core.database import transaction
from tests.counting import statements


@pytest.fixture
def admin(sign_in: Callable[..., Any]) -> Any:
    return sign_in("admin", "admin")


@pytest.fixture
def make(admin: Any) -> Callable[..., dict[str, Any]]:
    """Creates a key with these permissions."""

    def made(*permissions: str, **more: Any) -> dict[str, Any]:
        answer = admin.post("/v1/api-keys", json={"name": "till", "permissions": permissions, **more})
        assert answer.status_code == 201, answer.json
        found: dict[str, Any] = answer.json
        return found

    return made


def by(key: dict[str, Any]) -> dict[str, str]:
    return {"X-Api-Key": key["key"]}


def test_a_key_is_shown_once_and_kept_as_a_hash(admin: Any, make: Callable[..., Any]) -> None:
    made = make("stock:read")
    assert made["key"].startswith(made["hint"])
    assert (made["status"], made["last_used_at"], made["user_id"]) == ("active", None, admin.user_id)
    (listed,) = admin.get("/v1/api-keys").json["data"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert admin.get(f"/v1/api-keys/{made['id']}").json == listed
    with transaction() as session:
        kept = session.scalars(select(access.ApiKey)).one()
        assert len(kept.key_hash) == 64
        assert made["key"] not in (kept.key_hash, kept.hint)


def test_a_key_has_only_its_permissions(client: Any, make: Callable[..., Any]) -> None:
    key = make("stock:read", "orders:read")
    assert client.get("/v1/stock", headers=by(key)).status_code == 200
    assert client.get("/v1/orders", headers=by(key)).status_code == 200
    refused = client.post("/v1/warehouses", json={"name": "x"}, headers=by(key))
    assert (refused.status_code, refused.json["permission"]) == (403, "stock:write")
    question = {"action": "read", "resource": "stock"}
    assert client.post("/v1/authz/check", json=question, headers=by(key)).json["allowed"] is True
    question["action"] = "write"
    assert client.post("/v1/authz/check", json=question, headers=by(key)).json["allowed"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me"), ("DELETE", "/v1/me"), ("POST", "/v1/auth/password"), ("GET", "/v1/cart"),
        ("POST", "/v1/checkout"), ("GET", "/v1/me/orders"), ("DELETE", "/v1/me/sessions"),
    ],
)  # fmt: skip
def test_keys_cannot_use_endpoints_of_a_signed_in_user(
    client: Any, make: Callable[..., Any], method: str, path: str
) -> None:
    key = make(*access.GRANTABLE)
    assert client.open(path, method=method, headers=by(key)).status_code == 403


def test_a_key_cannot_hold_administrative_permissions(admin: Any) -> None:
    for permission in ("keys:write", "roles:write", "users:write", "nonsense"):
        refused = admin.post("/v1/api-keys", json={"name": "x", "permissions": [permission]})
        assert refused.status_code == 422


def test_a_key_never_exceeds_the_permissions_of_its_creator(client: Any, sign_in: Callable[..., Any]) -> None:
    with transaction() as session:
        access.create_role(session, access.PERMISSIONS, "integrator", ["keys:write", "stock:read"])
    maker = sign_in("maker", "integrator")
    refused = maker.post("/v1/api-keys", json={"name": "x", "permissions": ["stock:read", "stock:write"]})
    assert (refused.status_code, refused.json["permissions"]) == (403, ["stock:write"])
    key = maker.post("/v1/api-keys", json={"name": "x", "permissions": ["stock:read"]}).json
    assert client.get("/v1/stock", headers=by(key)).status_code == 200
    with transaction() as session:
        access.revoke_role(session, access.PERMISSIONS, maker.user_id, "integrator")
    assert (
        client.get("/v1/stock", headers=by(key)).status_code == 403
    )  # limited by the current permissions of its creator
    maker.delete("/v1/me")
    assert client.get("/v1/stock", headers=by(key)).status_code == 401


def test_a_revoked_key_is_refused_at_once(client: Any, admin: Any, make: Callable[..., Any]) -> None:
    key = make("stock:read")
    for _ in range(2):
        assert admin.delete(f"/v1/api-keys/{key['id']}").status_code == 204
    refused = client.get("/v1/stock", headers=by(key))
    assert (refused.status_code, refused.json["code"]) == (401, "invalid_api_key")
    assert admin.get(f"/v1/api-keys/{key['id']}").json["status"] == "revoked"
    assert admin.delete("/v1/api-keys/key_" + "0" * 32).status_code == 404


def test_a_key_expires(client: Any, admin: Any, make: Callable[..., Any]) -> None:
    key = make("stock:read", expires_in_days=1)
    with transaction() as session:
        session.execute(update(access.ApiKey).values(expires_at=access.ApiKey.expires_at - timedelta(days=1)))
    assert client.get("/v1/stock", headers=by(key)).json["code"] == "invalid_api_key"
    assert admin.get(f"/v1/api-keys/{key['id']}").json["status"] == "expired"
    for days in (0, 3651, "1"):
        body: dict[str, object] = {"name": "x", "permissions": [], "expires_in_days": days}
        assert admin.post("/v1/api-keys", json=body).status_code == 422


def test_last_used_at_is_updated_at_most_once_a_minute(client: Any, admin: Any, make: Callable[..., Any]) -> None:
    key = make("stock:read")

    def last_used() -> str:
        client.get("/v1/stock", headers=by(key))
        found: str = admin.get(f"/v1/api-keys/{key['id']}").json["last_used_at"]
        return found

    first = last_used()
    assert first
    assert last_used() == first  # not updated on every use
    with transaction() as session:
        earlier = access.ApiKey.last_used_at - timedelta(minutes=2)
        session.execute(update(access.ApiKey).values(last_used_at=earlier))
    assert last_used() > first


def test_finding_a_key_takes_one_statement(make: Callable[..., Any]) -> None:
    key = make("stock:read")
    with statements() as sent, transaction() as session:
        assert access.find_key(session, key["key"]) is not None
    assert len(sent) == 1


def test_an_unknown_key_is_refused(client: Any, customer: Any) -> None:
    assert client.get("/v1/stock", headers={"X-Api-Key": "sfk_invented"}).status_code == 401
    both = {**customer.headers, "X-Api-Key": "sfk_invented"}
    assert client.get("/v1/orders", headers=both).status_code == 401
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(access.ApiKey)).one() == 0


def test_managing_keys_requires_the_permission(staff: Any, make: Callable[..., Any]) -> None:
    key = make("stock:read")
    assert staff.get("/v1/api-keys").status_code == 403
    assert staff.delete(f"/v1/api-keys/{key['id']}").status_code == 403
    assert staff.post("/v1/api-keys", json={"name": "x", "permissions": []}).status_code == 403
