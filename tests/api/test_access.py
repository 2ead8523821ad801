"""Permissions decide who may do what, and other services may ask."""

from typing import Any

from models import access
from models.core.database import transaction

QUESTION = {"action": "write", "resource": "stock"}


def test_without_the_permission_it_is_refused(customer: Any) -> None:
    answer = customer.post("/v1/categories", json={"name": "Tea"})
    assert (answer.status_code, answer.json["code"], answer.json["permission"]) == (
        403, "not_allowed", "products:write",
    )  # fmt: skip
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_a_role_takes_effect_at_once(customer: Any) -> None:
    with transaction() as session:
        access.grant(session, customer.user_id, "staff")
    assert customer.post("/v1/categories", json={"name": "Tea"}).status_code == 201


def test_what_one_s_own_token_grants(customer: Any, staff: Any) -> None:
    granted = staff.post("/v1/authz/check", json=QUESTION)
    assert (granted.status_code, granted.json["allowed"]) == (200, True)
    denied = customer.post("/v1/authz/check", json=QUESTION)
    assert (denied.status_code, denied.json["allowed"]) == (200, False)
    assert "stock:write" in denied.json["reason"]


def test_what_another_token_grants(client: Any, customer: Any, staff: Any) -> None:
    asked = customer.post("/v1/authz/check", json={**QUESTION, "token": staff.access_token})
    assert asked.json["allowed"] is True
    staff.post("/v1/auth/logout")
    asked = client.post("/v1/authz/check", json={**QUESTION, "token": staff.access_token})
    assert (asked.status_code, asked.json["allowed"]) == (200, False)
    assert "invalid" in asked.json["reason"]


def test_a_question_needs_a_token_and_words(client: Any, customer: Any) -> None:
    assert client.post("/v1/authz/check", json=QUESTION).status_code == 401
    answer = customer.post("/v1/authz/check", json={"action": "Write it", "resource": "stock"})
    assert list(answer.json["errors"]) == ["action"]
