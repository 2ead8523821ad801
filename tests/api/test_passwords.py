"""Password reset and throttling of guesses over HTTP."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import func, select, update

from api import app as module
from durable.ids import new_id
from durable.tables import RunRecord
from models import accounts
from models.core import event_log
from models.core.database import transaction
from models.operations import retention
from settings import Settings
from tests.conftest import PASSWORD
from tests.counting import statements

WRONG = {"username": "customer", "password": "wrong"}
RIGHT = {"username": "customer", "password": PASSWORD}
ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture
def mailed(customer: Any) -> str:
    """A reset token mailed to the customer."""
    with transaction() as session:
        run_id = new_id("run")
        accounts.save_reset_token(session, run_id, customer.user_id)
    return accounts.derive_reset_token(run_id)


def login(client: Any, body: dict[str, str], ip: str = "192.0.2.1") -> Any:
    return client.post("/v1/auth/login", json=body, environ_overrides={"REMOTE_ADDR": ip})


def let_time_pass(seconds: float) -> None:
    with transaction() as session:
        earlier = accounts.LoginThrottle.free_at - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        session.execute(update(accounts.LoginThrottle).values(free_at=earlier))


# ---- password reset


def test_forgot_gives_the_same_answer_for_an_unknown_account(client: Any, customer: Any) -> None:
    known = client.post("/v1/auth/password/forgot", json={"email": "Customer@example.org"})
    unknown = client.post("/v1/auth/password/forgot", json={"username": "nobody"})
    assert (known.status_code, unknown.status_code) == (202, 202)
    assert known.json == unknown.json
    assert "Location" not in known.headers
    with transaction() as session:
        started = session.scalars(select(RunRecord.input).order_by(RunRecord.id)).all()
    assert started == [{"user_id": customer.user_id}, {"user_id": None}]  # the same work, without the name


def test_a_mailed_token_resets_the_password_once_and_signs_in(client: Any, customer: Any, mailed: str) -> None:
    body = {"token": mailed, "new_password": "a new password"}
    answer = client.post("/v1/auth/password/reset", json=body)
    assert answer.status_code == 200
    signed_in = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert client.get("/v1/me", headers=signed_in).json["id"] == customer.user_id
    assert customer.get("/v1/me").status_code == 401  # all earlier sessions have ended
    assert login(client, {**RIGHT, "password": "a new password"}).status_code == 200
    assert login(client, RIGHT).status_code == 401
    again = client.post("/v1/auth/password/reset", json={**body, "new_password": "one more"})
    assert (again.status_code, list(again.json["errors"])) == (422, ["token"])


def test_concurrent_resets_with_one_token_succeed_once(app: Any, mailed: str) -> None:
    def reset(number: int) -> int:
        body = {"token": mailed, "new_password": f"new password {number}"}
        status: int = app.test_client().post("/v1/auth/password/reset", json=body).status_code
        return status

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(reset, range(4))) == [200, 422, 422, 422]


def test_a_common_password_is_refused_at_a_reset_and_the_token_stays_valid(client: Any, mailed: str) -> None:
    answer = client.post("/v1/auth/password/reset", json={"token": mailed, "new_password": "Letmein2024"})
    assert (answer.status_code, answer.json["code"]) == (422, "password_too_common")
    answer = client.post("/v1/auth/password/reset", json={"token": mailed, "new_password": "a new password"})
    assert answer.status_code == 200


def test_reset_tokens_are_stored_as_hashes(customer: Any, mailed: str) -> None:
    with transaction() as session:
        kept = session.scalars(select(accounts.PasswordReset)).one()
        assert mailed not in (kept.token_hash, kept.id)
        assert len(kept.token_hash) == 64
        assert accounts.derive_reset_token(kept.id) == mailed  # a repeated mail has the same token


def test_a_reset_token_expires(client: Any, mailed: str) -> None:
    with transaction() as session:
        session.execute(update(accounts.PasswordReset).values(expires_at=func.now()))
    answer = client.post("/v1/auth/password/reset", json={"token": mailed, "new_password": "a new password"})
    assert answer.status_code == 422


def test_a_password_change_invalidates_mailed_tokens(client: Any, customer: Any, mailed: str) -> None:
    changed = {"current_password": PASSWORD, "new_password": "a new password"}
    assert customer.post("/v1/auth/password", json=changed).status_code == 204
    answer = client.post("/v1/auth/password/reset", json={"token": mailed, "new_password": "another one"})
    assert answer.status_code == 422
    with transaction() as session:
        (logged,) = session.scalars(select(event_log.Event).where(event_log.Event.name == "password.changed")).all()
    assert (logged.subject, logged.actor) == (customer.user_id, customer.user_id)


def test_password_resets_are_throttled(client: Any, customer: Any) -> None:
    for name in ("customer", "nobody"):
        answers = [client.post("/v1/auth/password/forgot", json={"username": name}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]


# ---- guesses


@pytest.mark.parametrize("name", ["customer", "nobody"])
def test_failed_logins_are_throttled_for_known_and_unknown_accounts(client: Any, customer: Any, name: str) -> None:
    answers = [login(client, {**WRONG, "username": name}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    refused = answers[-1]
    assert refused.json["code"] == "too_many_requests"
    assert 0 < int(refused.headers["Retry-After"]) == refused.json["retry_after"] <= 60
    assert login(client, {**RIGHT, "username": name}).status_code == 429  # the right password must not be revealed


def test_the_login_throttle_refills_over_time(client: Any, customer: Any) -> None:
    for _ in range(11):
        login(client, WRONG)
    let_time_pass(60)
    assert [login(client, WRONG).status_code for _ in range(2)] == [401, 429]
    let_time_pass(60)
    assert login(client, RIGHT).status_code == 200


def test_successful_logins_are_not_throttled(client: Any, customer: Any) -> None:
    assert {login(client, RIGHT).status_code for _ in range(15)} == {200}


def test_a_successful_login_does_not_reset_the_throttle(
    client: Any, customer: Any, sign_in: Callable[..., Any]
) -> None:
    sign_in("mallory")
    mine = {"username": "mallory", "password": PASSWORD}
    statuses = []
    for _ in range(11):
        statuses.append(login(client, WRONG).status_code)
        assert login(client, mine).status_code == 200
    assert statuses[-1] == 429


def test_failed_logins_are_throttled_per_client_address(client: Any) -> None:
    users = (f"user{n}" for n in range(300))  # while they are tried, the limit recovers a little
    answers = [login(client, {"username": user, "password": "wrong"}).status_code for user in islice(users, 100)]
    assert answers == [401] * 100
    assert 429 in (login(client, {"username": user, "password": "wrong"}).status_code for user in users)
    assert login(client, WRONG, "192.0.2.2").status_code == 401


def test_ipv6_addresses_are_throttled_per_network(client: Any, customer: Any) -> None:
    answers = [login(client, WRONG, f"2001:db8::{n}").status_code for n in range(11)]
    assert answers[-1] == 429
    assert login(client, WRONG, "2001:db8:0:1::1").status_code == 401


@pytest.mark.parametrize("prefix", ["::ffff:", "64:ff9b::"])
def test_ipv4_addresses_within_ipv6_are_throttled_one_by_one(client: Any, customer: Any, prefix: str) -> None:
    answers = [login(client, WRONG, "198.51.100.1").status_code for _ in range(10)]
    assert answers == [401] * 10
    assert login(client, WRONG, f"{prefix}198.51.100.1").status_code == 429
    assert login(client, WRONG, f"{prefix}198.51.100.2").status_code == 401


def test_distributed_guesses_do_not_lock_out_a_known_address(client: Any, customer: Any) -> None:
    home = "203.0.113.9"
    assert login(client, RIGHT, home).status_code == 200
    answers = [login(client, WRONG, f"198.51.100.{n}").status_code for n in range(31)]
    assert answers == [401] * 30 + [429]
    assert login(client, RIGHT, "198.51.100.99").status_code == 429
    assert login(client, RIGHT, home).status_code == 200  # not throttled


def test_a_throttled_account_can_reset_its_password(client: Any, customer: Any, mailed: str) -> None:
    for n in range(31):
        login(client, WRONG, f"198.51.100.{n}")
    body = {"token": mailed, "new_password": "a new password"}
    answer = client.post("/v1/auth/password/reset", json=body, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.status_code == 200
    assert login(client, {**RIGHT, "password": "a new password"}, "203.0.113.9").status_code == 200


def test_guesses_of_the_current_password_are_throttled(customer: Any) -> None:
    body = {"current_password": "wrong", "new_password": "a new password"}
    assert [customer.post("/v1/auth/password", json=body).status_code for _ in range(11)] == [401] * 10 + [429]


SPELLINGS = ("customer", "CUSTOMER", "ｃｕｓｔｏｍｅｒ", "customer@example.org", "Customer@EXAMPLE.org", "cuſtomer")  # noqa: RUF001


def test_an_account_has_one_throttle_for_all_its_spellings(client: Any, customer: Any) -> None:
    answers = [login(client, {**WRONG, "username": SPELLINGS[n % len(SPELLINGS)]}) for n in range(24)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 14
    mails = [client.post("/v1/auth/password/forgot", json={"username": name}) for name in SPELLINGS]
    assert [answer.status_code for answer in mails] == [202] * 3 + [429] * 3


def test_a_dotted_capital_i_is_another_letter(client: Any, sign_in: Callable[..., Any]) -> None:
    sign_in("igor")
    for name in ("igor", "İgor"):
        answers = [login(client, {"username": name, "password": "wrong"}) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    right = {"username": "İgor", "password": PASSWORD}
    assert login(client, right, "192.0.2.9").status_code == 401  # it finds nobody, so that it guesses nothing


def test_an_unknown_name_has_one_throttle_for_all_its_spellings(client: Any) -> None:
    answers = [login(client, {**WRONG, "username": name}) for name in SPELLINGS for _ in range(4)]
    by_name = [answers[n : n + 4] for n in range(0, 24, 4)]
    assert [answer.status_code for group in (0, 1, 2, 5) for answer in by_name[group]] == [401] * 10 + [429] * 6


def test_concurrent_failed_logins_are_throttled_alike(app: Any, customer: Any) -> None:
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: login(app.test_client(), WRONG).status_code, range(24)))
    assert (statuses.count(401), statuses.count(429)) == (10, 14)


def test_a_throttled_account_is_logged_once(client: Any, customer: Any) -> None:
    for _ in range(12):
        login(client, WRONG)
    with transaction() as session:
        logged = session.scalars(select(event_log.Event.subject).where(event_log.Event.name == "login.throttled")).all()
    assert logged == [customer.user_id]


def test_the_login_throttle_stores_only_hashes(client: Any, customer: Any) -> None:
    login(client, WRONG)
    with transaction() as session:
        keys = session.scalars(select(accounts.LoginThrottle.key)).all()
        assert len(keys) == 3
        assert all(len(key) == 64 for key in keys)
        assert retention.prune(session, ["login_throttles"]).deleted == {}
    let_time_pass(3600)
    with transaction() as session:
        assert retention.prune(session, ["login_throttles"]).deleted == {"login_throttles": 3}


def test_forwarded_addresses_are_trusted_only_behind_a_declared_proxy(
    monkeypatch: pytest.MonkeyPatch, customer: Any
) -> None:
    def seen(client: Any, forged: dict[str, str]) -> str:
        token = client.post("/v1/auth/login", json=RIGHT, headers=forged).json["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return str(client.get("/v1/me/sessions", headers=headers).json["data"][0]["ip"])

    forged = {"X-Forwarded-For": "203.0.113.1, 203.0.113.2"}
    assert seen(customer.client, forged) == "127.0.0.1"
    monkeypatch.setattr(module, "settings", Settings(api_proxies=1))
    assert seen(module.create_app().test_client(), forged) == "203.0.113.2"


def test_an_unknown_name_runs_the_same_statements_as_a_wrong_password(client: Any, customer: Any) -> None:
    found = []
    for name in ("customer", "nobody"):
        with statements() as sent:
            login(client, {**WRONG, "username": name})
        found.append(sent)
    assert found[0] == found[1]
