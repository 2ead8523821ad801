"""Changes of the e-mail address, and closing an account: not by a stolen access token alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from durable.tables import RunRecord
from models import accounts
from models.accounts.sign_in_tables import SecondFactor
from models.core.database import transaction
from models.operations import retention
from tests.conftest import PASSWORD

NEW = {"email": "new@example.org"}


def age_session(caller: Any, seconds: float = 601) -> None:
    with transaction() as session:
        mine = update(accounts.LoginSession).where(accounts.LoginSession.id == caller.session_id)
        session.execute(mine.values(created_at=func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)))


def address_of(caller: Any) -> str:
    with transaction() as session:
        return accounts.get(session, caller.user_id).email


def mailed_tokens() -> list[str]:
    """Those of all changes, oldest first."""
    with transaction() as session:
        runs = select(RunRecord.id).where(RunRecord.workflow == "email_changed").order_by(RunRecord.id)
        return [accounts.derive_restore_token(run_id) for run_id in session.scalars(runs)]


def restore(client: Any, token: str) -> Any:
    return client.post("/v1/auth/email/restore", json={"token": token})


def test_an_old_session_needs_the_password_to_change_the_address(customer: Any) -> None:
    age_session(customer)
    for body, status, code in (
        (NEW, 403, "fresh_sign_in_required"),
        ({**NEW, "current_password": "wrong"}, 401, "wrong_credentials"),
    ):
        refused = customer.patch("/v1/me", json=body)
        assert (refused.status_code, refused.json["code"]) == (status, code)
    assert address_of(customer) == "customer@example.org"
    assert customer.patch("/v1/me", json={"first_name": "Grace"}).status_code == 200
    assert customer.patch("/v1/me", json={**NEW, "current_password": PASSWORD}).json["email"] == "new@example.org"


def test_an_old_session_needs_the_password_to_close_the_account(customer: Any) -> None:
    age_session(customer)
    refused = customer.delete("/v1/me")
    assert (refused.status_code, refused.json["code"]) == (403, "fresh_sign_in_required")
    assert customer.delete("/v1/me", json={"current_password": "wrong"}).status_code == 401
    assert customer.get("/v1/me").status_code == 200
    assert customer.delete("/v1/me", json={"current_password": PASSWORD}).status_code == 204


def test_a_fresh_session_needs_no_password(customer: Any) -> None:
    age_session(customer, 590)
    assert customer.patch("/v1/me", json=NEW).status_code == 200
    assert customer.delete("/v1/me").status_code == 204


def test_guesses_of_the_password_are_throttled(customer: Any) -> None:
    age_session(customer)
    body = {**NEW, "current_password": "wrong"}
    statuses = [customer.patch("/v1/me", json=body).status_code for _ in range(6)]
    statuses += [customer.delete("/v1/me", json={"current_password": "wrong"}).status_code for _ in range(6)]
    assert statuses == [401] * 10 + [429] * 2


def test_the_former_address_is_restored_and_the_thief_is_out(client: Any, customer: Any) -> None:
    assert customer.patch("/v1/me", json=NEW).status_code == 200
    assert customer.patch("/v1/me", json={"email": "third@example.org"}).status_code == 200
    with transaction() as session:
        session.add(SecondFactor(user_id=customer.user_id, secret=b"the thief's", confirmed_at=func.now()))
    first, second = mailed_tokens()
    assert restore(client, first).status_code == 200
    assert address_of(customer) == "customer@example.org"
    assert customer.get("/v1/me").status_code == 401
    login = client.post("/v1/auth/login", json={"username": "customer", "password": PASSWORD})
    assert (login.status_code, login.json["code"]) == (401, "wrong_credentials")
    for token in (first, second):  # the second would give the account back to whoever took it
        assert restore(client, token).status_code == 422
    with transaction() as session:
        assert session.scalars(select(SecondFactor)).all() == []
        resets = select(RunRecord.input).where(RunRecord.workflow == "password_reset")
        assert session.scalars(resets).all() == [{"user_id": customer.user_id}]


def test_a_second_factor_of_before_the_change_is_kept(client: Any, customer: Any) -> None:
    with transaction() as session:
        session.add(SecondFactor(user_id=customer.user_id, secret=b"the owner's", confirmed_at=func.now()))
    customer.patch("/v1/me", json=NEW)
    assert restore(client, mailed_tokens()[0]).status_code == 200
    with transaction() as session:
        assert session.scalars(select(SecondFactor.secret)).all() == [b"the owner's"]


def test_an_address_that_another_account_has_since_is_not_restored(
    client: Any, customer: Any, sign_in: Callable[..., Any]
) -> None:
    other = sign_in("other")
    customer.patch("/v1/me", json=NEW)
    assert other.patch("/v1/me", json={"email": "Customer@example.org"}).status_code == 200
    refused = restore(client, mailed_tokens()[0])
    assert (refused.status_code, refused.json["code"]) == (409, "email_taken")
    assert customer.get("/v1/me").status_code == 200


@pytest.mark.parametrize("change", ["expires_at", "closed"])
def test_a_token_ends_after_seven_days_and_with_the_account(client: Any, customer: Any, change: str) -> None:
    customer.patch("/v1/me", json=NEW)
    (token,) = mailed_tokens()
    with transaction() as session:
        kept = session.scalars(select(accounts.EmailChange)).one()
        assert timedelta(days=6, hours=23) < kept.expires_at - kept.created_at <= timedelta(days=7, minutes=1)
        assert retention.prune(session, ["email_changes"]).deleted == {}
        if change == "expires_at":
            session.execute(update(accounts.EmailChange).values(expires_at=func.now()))
        else:
            accounts.close(session, customer.user_id)
            assert session.scalars(select(accounts.EmailChange)).all() == []
    assert restore(client, token).status_code == 422


def test_concurrent_restorations_use_a_token_once(app: Any, customer: Any) -> None:
    customer.patch("/v1/me", json=NEW)
    (token,) = mailed_tokens()
    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(lambda _: restore(app.test_client(), token).status_code, range(4)))
    assert statuses == [200, 422, 422, 422]


def test_of_two_changes_to_the_same_address_one_wins(app: Any, customer: Any, sign_in: Callable[..., Any]) -> None:
    callers = [customer, sign_in("other")]

    def change(caller: Any) -> int:
        status: int = app.test_client().patch("/v1/me", json=NEW, headers=caller.headers).status_code
        return status

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(change, callers)) == [200, 409]
    assert len(mailed_tokens()) == 1


def test_tokens_are_stored_as_hashes(customer: Any) -> None:
    customer.patch("/v1/me", json=NEW)
    with transaction() as session:
        kept = session.scalars(select(accounts.EmailChange)).one()
    assert mailed_tokens()[0] not in (kept.id, kept.token_hash)
    assert len(kept.token_hash) == 64
