"""Signing in with a code of an authenticator app, and with recovery codes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select, update

from durable.ids import new_id
from models import accounts
from models.accounts import challenges, sessions
from models.core import encryption
from models.core.database import transaction
from models.core.event_log import Event
from settings import settings
from tests.authenticator_app import AuthenticatorApp, enrol
from tests.conftest import PASSWORD

LOGIN = {"username": "customer", "password": PASSWORD}


def login(client: Any, body: dict[str, str] = LOGIN) -> str:
    """Gives the password. Returns the challenge."""
    asked = client.post("/v1/auth/login", json=body)
    assert (asked.status_code, asked.json["code"], asked.json["expires_in"]) == (401, "second_factor_required", 300)
    assert "access_token" not in asked.text
    challenge: str = asked.json["challenge"]
    return challenge


def answer(client: Any, challenge: str, **code: str) -> Any:
    return client.post("/v1/auth/second-factor", json={"challenge": challenge, **code})


def method_of(session_id: str) -> str:
    with transaction() as session:
        return session.get_one(accounts.LoginSession, session_id).method


def newest_session(user_id: str) -> accounts.LoginSession:
    with transaction() as session:
        newest = accounts.select_live_sessions(user_id).order_by(accounts.LoginSession.id.desc()).limit(1)
        return session.scalars(newest).one()


def changes(user_id: str) -> list[str]:
    with transaction() as session:
        about = select(Event.payload).where(Event.name == "sign_in.changed", Event.subject == user_id)
        return [payload["change"] for payload in session.scalars(about.order_by(Event.id))]


def make_stale(session_id: str) -> None:
    with transaction() as session:
        row = update(accounts.LoginSession).where(accounts.LoginSession.id == session_id)
        session.execute(row.values(created_at=func.now() - timedelta(minutes=11)))


# ---- enrolment


def test_a_second_factor_is_enabled_by_its_first_code(client: Any, customer: Any) -> None:
    made = customer.post("/v1/me/second-factor", json={})
    assert made.status_code == 201
    uri = pyotp.parse_uri(made.json["otpauth_uri"])
    assert (uri.secret, uri.name, uri.issuer) == (made.json["secret"], "customer", "Shopflow")
    assert customer.get("/v1/me/second-factor").json == {
        "enabled": False, "enabled_at": None, "recovery_codes_left": 0,
    }  # fmt: skip
    assert client.post("/v1/auth/login", json=LOGIN).status_code == 200  # not enabled yet
    app = AuthenticatorApp(made.json["secret"])
    refused = customer.post("/v1/me/second-factor/confirm", json={"code": app.wrong_code()})
    assert (refused.status_code, refused.json["code"]) == (401, "second_factor_failed")
    confirmed = customer.post("/v1/me/second-factor/confirm", json={"code": app.code()})
    assert len(set(confirmed.json["recovery_codes"])) == 10
    shown = customer.get("/v1/me/second-factor").json
    assert (shown["enabled"], shown["recovery_codes_left"]) == (True, 10)
    assert method_of(customer.session_id) == "password+totp"
    for path, body in (("", {}), ("/confirm", {"code": app.code()})):
        again = customer.post(f"/v1/me/second-factor{path}", json=body)
        assert (again.status_code, again.json["code"]) == (409, "second_factor_enabled")
    assert changes(customer.user_id) == ["second_factor_enabled"]


def test_there_is_nothing_to_confirm_without_a_secret(customer: Any) -> None:
    refused = customer.post("/v1/me/second-factor/confirm", json={"code": "123456"})
    assert (refused.status_code, refused.json["code"]) == (404, "not_found")


def test_a_new_secret_replaces_one_that_was_not_confirmed(customer: Any) -> None:
    first, second = (AuthenticatorApp(customer.post("/v1/me/second-factor", json={}).json["secret"]) for _ in range(2))
    assert customer.post("/v1/me/second-factor/confirm", json={"code": first.code()}).status_code == 401
    assert customer.post("/v1/me/second-factor/confirm", json={"code": second.code()}).status_code == 200


def test_secrets_and_recovery_codes_are_not_stored_in_clear_text(customer: Any) -> None:
    app, codes = enrol(customer)
    with transaction() as session:
        factor = session.get_one(accounts.SecondFactor, customer.user_id)
        hashes = session.scalars(select(accounts.RecoveryCode.code_hash)).all()
    assert app.totp.secret.encode() not in factor.secret
    assert not {code.replace("-", "") for code in codes} & set(hashes)
    assert {len(one) for one in hashes} == {64}
    stolen = encryption.decrypt(factor.secret, "second factor", customer.user_id)
    assert stolen.decode() == app.totp.secret
    with pytest.raises(InvalidTag):  # as the secret of somebody else, it cannot be used
        encryption.decrypt(factor.secret, "second factor", new_id("usr"))


def test_a_session_of_long_ago_needs_the_password(client: Any, customer: Any) -> None:
    make_stale(customer.session_id)
    refused = customer.post("/v1/me/second-factor", json={})
    assert (refused.status_code, refused.json["code"]) == (403, "fresh_sign_in_required")
    wrong = customer.post("/v1/me/second-factor", json={"current_password": "wrong"})
    assert (wrong.status_code, wrong.json["code"]) == (401, "wrong_credentials")
    made = customer.post("/v1/me/second-factor", json={"current_password": PASSWORD})
    app = AuthenticatorApp(made.json["secret"])
    assert customer.post("/v1/me/second-factor/confirm", json={"code": app.code()}).status_code == 200
    for path in ("disable", "recovery-codes"):
        refused = customer.post(f"/v1/me/second-factor/{path}", json={"code": app.code()})
        assert (refused.status_code, refused.json["code"]) == (403, "fresh_sign_in_required")


def test_guesses_of_the_password_are_throttled_where_it_makes_a_sign_in_fresh(customer: Any) -> None:
    answers = [customer.post("/v1/me/second-factor", json={"current_password": "wrong"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]


# ---- signing in


def test_a_sign_in_takes_both_factors(client: Any, customer: Any) -> None:
    app, _ = enrol(customer)
    signed = answer(client, login(client), code=app.code())
    assert signed.status_code == 200
    token = {"Authorization": f"Bearer {signed.json['access_token']}"}
    assert client.get("/v1/me", headers=token).json["id"] == customer.user_id
    assert newest_session(customer.user_id).method == "password+totp"


def test_a_guest_cart_is_merged_after_the_second_factor(client: Any, customer: Any) -> None:
    from tests.shopping import make_product

    app, _ = enrol(customer)
    product_id = make_product("THING", 5)
    guest = {"X-Cart-Token": client.post("/v1/cart").json["token"]}
    client.post("/v1/cart/items", json={"product_id": product_id, "quantity": 2}, headers=guest)
    challenge = client.post("/v1/auth/login", json=LOGIN, headers=guest).json["challenge"]
    body = {"challenge": challenge, "code": app.code()}
    assert client.post("/v1/auth/second-factor", json=body, headers=guest).json["cart"]["added"] == 2


def test_a_code_works_once(client: Any, customer: Any) -> None:
    app, _ = enrol(customer)
    code = app.code()
    assert answer(client, login(client), code=code).status_code == 200
    replayed = answer(client, login(client), code=code)
    wrong = answer(client, login(client), code=app.wrong_code())
    assert (replayed.status_code, replayed.json["code"]) == (401, "second_factor_failed")
    assert replayed.json["detail"] == wrong.json["detail"]


@pytest.mark.parametrize(("steps", "status"), [(-3, 401), (0, 200), (1, 200), (3, 401)])
def test_a_clock_may_be_wrong_by_a_step(client: Any, customer: Any, steps: int, status: int) -> None:
    """Three steps, because the next one may begin during the test."""
    app, _ = enrol(customer)
    with transaction() as session:
        session.execute(update(accounts.SecondFactor).values(last_step=None))
    assert answer(client, login(client), code=app.code_of(steps)).status_code == status


def test_a_challenge_works_once_and_survives_a_wrong_code(client: Any, customer: Any) -> None:
    app, codes = enrol(customer)
    challenge = login(client)
    assert answer(client, challenge, code=app.wrong_code()).status_code == 401
    assert answer(client, challenge, code=app.code()).status_code == 200
    again = answer(client, challenge, recovery_code=codes[0])
    assert (again.status_code, again.json["code"]) == (401, "invalid_challenge")
    assert customer.get("/v1/me/second-factor").json["recovery_codes_left"] == 10


def test_forged_expired_and_outdated_challenges_are_refused(
    client: Any, customer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = enrol(customer)
    other_purpose = challenges.make_challenge("something else", sub=customer.user_id, method="password", password="x")
    monkeypatch.setattr(challenges, "LIFETIME", -1)
    expired = client.post("/v1/auth/login", json=LOGIN).json["challenge"]
    monkeypatch.undo()
    outdated = login(client)
    with transaction() as session:
        accounts.change_password(session, customer.user_id, accounts.hash_password("a new password"))
    for challenge in (other_purpose, expired, outdated, customer.access_token, "x"):
        refused = answer(client, challenge, code=app.code_of(0))
        assert (refused.status_code, refused.json["code"]) == (401, "invalid_challenge")
    assert answer(client, login(client, {**LOGIN, "password": "a new password"}), code=app.code()).status_code == 200


def test_a_challenge_is_no_access_token(client: Any, customer: Any) -> None:
    enrol(customer)
    assert client.get("/v1/me", headers={"Authorization": f"Bearer {login(client)}"}).status_code == 401


def test_guesses_of_a_code_are_throttled_whatever_the_challenge(client: Any, customer: Any) -> None:
    app, codes = enrol(customer)
    answers = [answer(client, login(client), code=app.wrong_code()) for _ in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert answer(client, login(client), code=app.code()).status_code == 429
    # The owner still signs in, with a recovery code.
    assert answer(client, login(client), recovery_code=codes[3]).status_code == 200
    with transaction() as session:
        throttled = session.scalars(select(Event.subject).where(Event.name == "login.throttled")).all()
    assert throttled == [customer.user_id]


def test_a_correct_code_costs_no_attempt(client: Any, customer: Any) -> None:
    app, _ = enrol(customer)
    for _ in range(4):
        assert answer(client, login(client), code=app.wrong_code()).status_code == 401
    for _ in range(2):
        assert answer(client, login(client), code=app.code()).status_code == 200


def test_a_password_reset_does_not_bypass_the_second_factor(client: Any, customer: Any) -> None:
    app, _ = enrol(customer)
    run_id = new_id("run")
    with transaction() as session:
        accounts.save_reset_token(session, run_id, customer.user_id)
    body = {"token": accounts.derive_reset_token(run_id), "new_password": "a new password"}
    asked = client.post("/v1/auth/password/reset", json=body)
    assert (asked.status_code, asked.json["code"]) == (401, "second_factor_required")
    assert client.post("/v1/auth/login", json=LOGIN).json["code"] == "wrong_credentials"  # the new one is set
    assert answer(client, asked.json["challenge"], code=app.code()).status_code == 200


def test_a_new_secret_key_leaves_the_recovery_codes(
    client: Any, customer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app, codes = enrol(customer)
    monkeypatch.setattr(encryption, "settings", settings.model_copy(update={"secret_key": "another " * 8}))
    encryption.derive_key.cache_clear()
    try:
        refused = answer(client, login(client), code=app.code())
        assert (refused.status_code, refused.json["code"]) == (401, "second_factor_failed")
        assert "another SHOP_SECRET_KEY" in caplog.text
        assert answer(client, login(client), recovery_code=codes[0]).status_code == 200
    finally:
        encryption.derive_key.cache_clear()


# ---- recovery codes


def test_a_recovery_code_works_once_however_it_is_typed(client: Any, customer: Any) -> None:
    _, codes = enrol(customer)
    assert answer(client, login(client), recovery_code=codes[0].upper().replace("-", "")).status_code == 200
    assert newest_session(customer.user_id).method == "password+recovery_code"
    again = answer(client, login(client), recovery_code=codes[0])
    assert (again.status_code, again.json["code"]) == (401, "second_factor_failed")
    assert customer.get("/v1/me/second-factor").json["recovery_codes_left"] == 9
    assert changes(customer.user_id) == ["second_factor_enabled", "recovery_code_used"]


def test_new_recovery_codes_replace_the_old_ones(client: Any, customer: Any) -> None:
    app, old = enrol(customer)
    refused = customer.post("/v1/me/second-factor/recovery-codes", json={"code": app.wrong_code()})
    assert (refused.status_code, refused.json["code"]) == (401, "second_factor_failed")
    new = customer.post("/v1/me/second-factor/recovery-codes", json={"code": app.code()}).json["recovery_codes"]
    assert not set(old) & set(new)
    assert answer(client, login(client), recovery_code=old[0]).status_code == 401
    assert answer(client, login(client), recovery_code=new[0]).status_code == 200


def test_of_eight_uses_of_a_recovery_code_at_once_one_wins(app: Any, client: Any, customer: Any) -> None:
    _, codes = enrol(customer)
    asked = [login(client) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda one: answer(app.test_client(), one, recovery_code=codes[0]).status_code,
                                    asked))  # fmt: skip
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}
    assert customer.get("/v1/me/second-factor").json["recovery_codes_left"] == 9


def test_of_eight_answers_to_a_challenge_at_once_one_wins(app: Any, client: Any, customer: Any) -> None:
    _, codes = enrol(customer)
    challenge = login(client)
    with transaction() as session:
        before = session.scalars(select(func.count()).select_from(accounts.LoginSession)).one()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda code: answer(app.test_client(), challenge, recovery_code=code), codes[:8]))
    assert sorted(one.status_code for one in answers).count(200) == 1
    assert {one.json["code"] for one in answers if one.status_code == 401} <= {"invalid_challenge"}
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(accounts.LoginSession)).one() == before + 1


def test_of_four_uses_of_a_code_at_once_one_wins(app: Any, client: Any, customer: Any) -> None:
    shown, _ = enrol(customer)
    code, asked = shown.code(), [login(client) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(lambda one: answer(app.test_client(), one, code=code).status_code, asked))
    assert sorted(statuses) == [200, 401, 401, 401]


# ---- the end of a second factor


def test_a_second_factor_is_disabled_with_a_code(client: Any, customer: Any) -> None:
    app, codes = enrol(customer)
    assert customer.post("/v1/me/second-factor/disable", json={"code": app.wrong_code()}).status_code == 401
    assert customer.post("/v1/me/second-factor/disable", json={"recovery_code": codes[5]}).status_code == 204
    assert client.post("/v1/auth/login", json=LOGIN).status_code == 200
    assert customer.get("/v1/me/second-factor").json["recovery_codes_left"] == 0
    assert method_of(customer.session_id) == "password"
    for path in ("disable", "recovery-codes"):
        again = customer.post(f"/v1/me/second-factor/{path}", json={"code": app.code()})
        assert (again.status_code, again.json["code"]) == (409, "second_factor_disabled")
    assert changes(customer.user_id) == ["second_factor_enabled", "recovery_code_used", "second_factor_disabled"]


def test_staff_reset_a_second_factor_that_was_lost(client: Any, customer: Any, sign_in: Callable[..., Any]) -> None:
    enrol(customer)
    admin, path = sign_in("admin", "admin"), f"/v1/users/{customer.user_id}/second-factor"
    assert admin.delete(path).status_code == 204
    assert customer.get("/v1/me").status_code == 401  # all sessions have ended
    assert client.post("/v1/auth/login", json=LOGIN).status_code == 200
    assert changes(customer.user_id)[-1] == "second_factor_reset"
    with transaction() as session:
        logged = session.scalars(select(Event.subject).where(Event.name == "staff.acted")).all()
    assert logged == [customer.user_id]
    again = admin.delete(path)
    assert (again.status_code, again.json["code"]) == (409, "second_factor_disabled")


def test_staff_cannot_reset_that_of_somebody_with_more_permissions(sign_in: Callable[..., Any]) -> None:
    admin = sign_in("admin", "admin")
    created = admin.post("/v1/roles", json={"name": "helpdesk", "permissions": ["users:read", "users:write"]})
    assert created.status_code == 201
    helper = sign_in("helper", "helpdesk")
    enrol(admin)
    refused = helper.delete(f"/v1/users/{admin.user_id}/second-factor")
    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")
    assert "roles:write" in refused.json["permissions"]
    own = admin.delete(f"/v1/users/{admin.user_id}/second-factor")
    assert (own.status_code, own.json["code"]) == (403, "not_allowed")
    assert admin.get("/v1/me/second-factor").json["enabled"]


# ---- required for staff


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The shop requires a second factor for permissions."""
    monkeypatch.setattr(sessions, "settings", settings.model_copy(update={"staff_second_factor": True}))
    yield
    monkeypatch.undo()


def test_permissions_require_a_second_factor_if_the_shop_says_so(
    client: Any, sign_in: Callable[..., Any], required: None
) -> None:
    admin = sign_in("admin", "admin")
    refused = admin.get("/v1/users")
    assert (refused.status_code, refused.json["code"], refused.json["permission"]) == (
        403, "second_factor_missing", "users:read",
    )  # fmt: skip
    me = admin.get("/v1/me").json
    assert (me["roles"], me["permissions"]) == (["admin", "customer"], [])
    decided = admin.post("/v1/authz/check", json={"resource": "users", "action": "read"}).json
    assert (decided["allowed"], "second factor" in decided["reason"]) == (False, True)
    app, _ = enrol(admin)  # enrolling is possible, and counts at once
    assert admin.get("/v1/users").status_code == 200
    challenge = login(client, {"username": "admin", "password": PASSWORD})
    signed = answer(client, challenge, code=app.code()).json
    assert client.get("/v1/users", headers={"Authorization": f"Bearer {signed['access_token']}"}).status_code == 200
    assert admin.post("/v1/me/second-factor/disable", json={"code": app.code()}).status_code == 204
    assert admin.get("/v1/users").json["code"] == "second_factor_missing"


def test_api_keys_need_no_second_factor(client: Any, sign_in: Callable[..., Any], required: None) -> None:
    admin = sign_in("admin", "admin")
    enrol(admin)
    key = admin.post("/v1/api-keys", json={"name": "till", "permissions": ["stock:read"]}).json["key"]
    assert client.get("/v1/warehouses", headers={"X-Api-Key": key}).status_code == 200


def test_customers_need_no_second_factor(customer: Any, required: None) -> None:
    assert customer.get("/v1/me/orders").status_code == 200
    refused = customer.get("/v1/users")
    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")


def test_closing_an_account_removes_its_second_factor(customer: Any) -> None:
    enrol(customer)
    assert customer.delete("/v1/me").status_code == 204
    with transaction() as session:
        assert session.scalars(select(accounts.SecondFactor)).all() == []
        assert session.scalars(select(accounts.RecoveryCode)).all() == []
