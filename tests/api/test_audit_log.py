"""The audit log: changes by staff and security events of accounts."""

from collections.abc import Callable
from typing import Any

import pytest

from models import access
from models.core.database import transaction
from tests.counting import statements


@pytest.fixture
def admin(sign_in: Callable[..., Any]) -> Any:
    return sign_in("admin", "admin")


def logged(who: Any, query: str) -> list[tuple[str, str | None, str | None]]:
    answer = who.get(f"/v1/events?{query}")
    assert answer.status_code == 200, answer.json
    return [(row["name"], row["subject"], row["actor"]) for row in answer.json["data"]]


def test_staff_changes_are_logged_with_their_actor(admin: Any, staff: Any, customer: Any) -> None:
    made = staff.post("/v1/warehouses", json={"name": "Annex"}, headers={"X-Request-Id": "asked"}).json
    staff.patch(f"/v1/warehouses/{made['id']}", json={"name": "Other"})
    assert logged(admin, f"actor={staff.user_id}") == [("staff.acted", made["id"], staff.user_id)] * 2
    newest, oldest = admin.get(f"/v1/events?subject={made['id']}").json["data"]
    assert newest["payload"]["method"] == "PATCH"
    assert oldest["payload"] == {
        "method": "POST", "path": "/v1/warehouses", "permission": "stock:write", "request_id": "asked",
    }  # fmt: skip
    assert logged(admin, f"actor={customer.user_id}") == []


def test_requests_that_change_nothing_are_not_logged(admin: Any, staff: Any, customer: Any) -> None:
    key = {"Idempotency-Key": "1"}
    made, _ = [staff.post("/v1/warehouses", json={"name": "Annex"}, headers=key).json for _ in range(2)]
    staff.get("/v1/warehouses")
    staff.post(f"/v1/warehouses/{made['id']}/capacity-check", json={"product_id": "prd_" + "0" * 32, "quantity": 1})
    staff.post("/v1/warehouses", json={"name": "Annex"})  # taken
    customer.post("/v1/warehouses", json={"name": "Mine"})  # not allowed
    assert logged(admin, "kind=staff") == [("staff.acted", made["id"], staff.user_id)]


def test_an_api_key_is_logged_as_the_actor(client: Any, admin: Any) -> None:
    key = admin.post("/v1/api-keys", json={"name": "x", "permissions": ["stock:write"]}).json
    assert logged(admin, "kind=key") == [("key.created", key["id"], admin.user_id)]
    client.post("/v1/warehouses", json={"name": "Annex"}, headers={"X-Api-Key": key["key"]})
    assert [actor for _, _, actor in logged(admin, f"actor={key['id']}")] == [key["id"]]
    assert key["key"] not in admin.get("/v1/events").text


def test_role_changes_are_logged(admin: Any, customer: Any) -> None:
    admin.post("/v1/roles", json={"name": "auditor", "permissions": ["audit:read"]})
    admin.post(f"/v1/users/{customer.user_id}/roles", json={"role": "auditor"})
    admin.delete(f"/v1/users/{customer.user_id}/roles/auditor")
    admin.put("/v1/roles/auditor", json={"permissions": []})
    admin.delete("/v1/roles/auditor")
    assert logged(admin, "kind=role") == [
        ("role.deleted", "auditor", admin.user_id),
        ("role.changed", "auditor", admin.user_id),
        ("role.revoked", customer.user_id, admin.user_id),
        ("role.granted", customer.user_id, admin.user_id),
        ("role.created", "auditor", admin.user_id),
    ]
    assert logged(admin, "kind=role.changed") == logged(admin, "name=role.changed")
    (granted,) = admin.get(f"/v1/events?subject={customer.user_id}&name=role.granted").json["data"]
    assert granted["payload"] == {"role": "auditor"}


def test_reuse_of_a_refresh_token_is_logged_once(client: Any, admin: Any, customer: Any) -> None:
    for _ in range(3):
        client.post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token})
    assert logged(admin, "kind=session") == [("session.stolen", customer.user_id, None)]


def test_an_actor_does_not_outlive_its_request(client: Any, admin: Any, customer: Any) -> None:
    customer.get("/v1/me")
    body = {
        "username": "new", "email": "new@example.org", "password": "correct horse", "first_name": "N",
        "last_name": "N", "address": {"line1": "1", "city": "X", "country": "GB"},
    }  # fmt: skip
    made = client.post("/v1/auth/register", json=body).json["user"]
    assert logged(admin, "name=account.registered") == [("account.registered", made["id"], None)]


def test_unknown_event_filters_are_refused(admin: Any) -> None:
    for query in ("kind=gossip", "name=role", "subject=", "who=me"):
        assert admin.get(f"/v1/events?{query}").status_code == 422


def test_listing_events_or_roles_takes_two_statements(admin: Any) -> None:
    with transaction() as session:
        for n in range(30):
            access.create_role(session, access.PERMISSIONS, f"role-{n}", ["orders:read"])
    with statements() as sent:
        assert len(admin.get("/v1/roles?limit=35").json["data"]) == 35
        roles = len(sent)
        admin.get("/v1/events?kind=role&limit=100")
    assert (roles, len(sent) - roles) == (2, 2)  # authentication and the query
