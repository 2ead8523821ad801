"""Permission checks, and `POST /v1/authz/check` for other services."""

from typing import Any

from models import access
from models.core.database import transaction

QUESTION = {"action": "write", "resource": "stock"}


def test_a_request_without_the_permission_is_refused(customer: Any) -> None:
    answer = customer.post("/v1/categories", json={"name": "Tea"})
    assert (answer.status_code, answer.json["code"], answer.json["permission"]) == (
        403, "not_allowed", "products:write",
    )  # fmt: skip
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_a_granted_role_takes_effect_at_once(customer: Any) -> None:
    with transaction() as session:
        access.grant(session, customer.user_id, "staff")
    assert customer.post("/v1/categories", json={"name": "Tea"}).status_code == 201


def test_authz_check_answers_for_the_callers_own_token(customer: Any, staff: Any) -> None:
    granted = staff.post("/v1/authz/check", json=QUESTION)
    assert (granted.status_code, granted.json["allowed"]) == (200, True)
    denied = customer.post("/v1/authz/check", json=QUESTION)
    assert (denied.status_code, denied.json["allowed"]) == (200, False)
    assert "stock:write" in denied.json["reason"]


def test_authz_check_answers_for_another_token(client: Any, customer: Any, staff: Any) -> None:
    asked = customer.post("/v1/authz/check", json={**QUESTION, "token": staff.access_token})
    assert asked.json["allowed"] is True
    staff.post("/v1/auth/logout")
    asked = client.post("/v1/authz/check", json={**QUESTION, "token": staff.access_token})
    assert (asked.status_code, asked.json["allowed"]) == (200, False)
    assert "invalid" in asked.json["reason"]


def test_authz_check_requires_a_token_and_a_valid_action(client: Any, customer: Any) -> None:
    assert client.post("/v1/authz/check", json=QUESTION).status_code == 401
    answer = customer.post("/v1/authz/check", json={"action": "Write it", "resource": "stock"})
    assert list(answer.json["errors"]) == ["action"]
