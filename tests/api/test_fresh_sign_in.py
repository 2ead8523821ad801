"""What a stolen access token is not enough for, and how a session becomes fresh again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from models import accounts
from models.core.database import transaction
from tests.conftest import PASSWORD

STALE = timedelta(minutes=10, seconds=1)
REAUTHENTICATE = "/v1/auth/reauthenticate"


def age_session(caller: Any, since: timedelta = STALE) -> None:
    """Opens the session so much earlier, without a password since."""
    with transaction() as session:
        mine = update(accounts.LoginSession).where(accounts.LoginSession.id == caller.session_id)
        session.execute(mine.values(created_at=func.now() - since, authenticated_at=None))


def close(caller: Any) -> Any:
    return caller.delete("/v1/me")


def export(caller: Any) -> Any:
    answer = caller.get("/v1/me/export")
    answer.close()
    return answer


@pytest.mark.parametrize(("act", "status"), [(close, 204), (export, 200)])
def test_an_old_session_is_not_enough(customer: Any, act: Callable[[Any], Any], status: int) -> None:
    age_session(customer)
    refused = act(customer)
    assert (refused.status_code, refused.json["code"]) == (403, "fresh_sign_in_required")
    assert customer.get("/v1/me").json["status"] == "active"
    assert customer.post(REAUTHENTICATE, json={"password": PASSWORD}).status_code == 204
    assert act(customer).status_code == status


def test_a_session_is_fresh_for_ten_minutes(customer: Any) -> None:
    age_session(customer, timedelta(minutes=9, seconds=50))
    assert export(customer).status_code == 200
    assert close(customer).status_code == 204


def test_the_password_closes_the_account_in_an_old_session(customer: Any) -> None:
    age_session(customer)
    wrong = customer.delete("/v1/me", json={"current_password": "wrong"})
    assert (wrong.status_code, wrong.json["code"]) == (401, "wrong_credentials")
    refused = customer.delete("/v1/me", json={})
    assert (refused.status_code, refused.json["code"]) == (403, "fresh_sign_in_required")
    assert customer.delete("/v1/me", json={"current_password": 1}).status_code == 422
    assert customer.get("/v1/me").json["status"] == "active"
    assert customer.delete("/v1/me", json={"current_password": PASSWORD}).status_code == 204
    with transaction() as session:
        assert accounts.get(session, customer.user_id).status == "closed"


def test_a_wrong_password_does_not_make_a_session_fresh(customer: Any) -> None:
    age_session(customer)
    refused = customer.post(REAUTHENTICATE, json={"password": "wrong"})
    assert (refused.status_code, refused.json["code"]) == (401, "wrong_credentials")
    assert close(customer).status_code == 403


def test_only_the_session_of_the_request_becomes_fresh(client: Any, customer: Any) -> None:
    login = {"username": "customer", "password": PASSWORD}
    elsewhere = client.post("/v1/auth/login", json=login).json["access_token"]
    with transaction() as session:
        session.execute(update(accounts.LoginSession).values(created_at=func.now() - STALE))
    signed = {"Authorization": f"Bearer {elsewhere}"}
    assert client.post(REAUTHENTICATE, json={"password": PASSWORD}, headers=signed).status_code == 204
    assert close(customer).status_code == 403
    assert client.delete("/v1/me", headers=signed).status_code == 204


def test_a_refresh_of_tokens_does_not_make_a_session_fresh(client: Any, customer: Any) -> None:
    age_session(customer)
    tokens = client.post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token}).json
    signed = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.delete("/v1/me", headers=signed).status_code == 403


def test_guesses_are_throttled_together(app: Any, customer: Any) -> None:
    age_session(customer)

    def guess(number: int) -> int:
        client = app.test_client()
        if number % 2:
            body = {"password": f"wrong {number}"}
            status: int = client.post(REAUTHENTICATE, json=body, headers=customer.headers).status_code
        else:
            body = {"current_password": f"wrong {number}"}
            status = client.delete("/v1/me", json=body, headers=customer.headers).status_code
        return status

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(guess, range(16)))
    assert (statuses.count(401), statuses.count(429)) == (10, 6)
    assert customer.post(REAUTHENTICATE, json={"password": PASSWORD}).status_code == 429


def test_an_ended_session_does_not_become_fresh(customer: Any) -> None:
    with transaction() as session:
        accounts.end_session(session, customer.user_id, customer.session_id)
        accounts.refresh_sign_in(session, customer.session_id)
        assert session.scalars(select(accounts.LoginSession.authenticated_at)).all() == [None]
