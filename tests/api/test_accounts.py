"""Registration, login, tokens, profile, addresses and sessions over HTTP."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import jwt
import pytest
from sqlalchemy import func, select, update

from durable.ids import new_id
from local.waiting import wait_until
from models import accounts, carts
from models.core.database import transaction
from settings import settings

PASSWORD = "correct horse battery"
ADA: dict[str, Any] = {
    "username": "Ada.L", "email": "ada@example.org", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace",
    "address": {"line1": "12 St James's Square", "city": "London", "country": "GB"},
}  # fmt: skip


def signed(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def count(table: Any) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def test_registration_creates_account_address_and_cart(client: Any) -> None:
    answer = client.post("/v1/auth/register", json=ADA)
    assert answer.status_code == 201
    body = answer.json
    assert set(body) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert (body["user"]["username"], body["user"]["status"]) == ("Ada.L", "active")
    assert "password" not in answer.text
    me = client.get("/v1/me", headers=signed(body["access_token"])).json
    assert (me["id"], me["roles"], me["permissions"]) == (body["user"]["id"], ["customer"], [])
    assert datetime.fromisoformat(me["created_at"]).utcoffset() is not None
    assert me["created_at"].endswith("Z")
    addresses = client.get("/v1/me/addresses", headers=signed(body["access_token"])).json["data"]
    assert [address["city"] for address in addresses] == ["London"]
    with transaction() as session:
        assert session.scalars(select(carts.Cart.user_id)).one() == body["user"]["id"]
        stored = accounts.get(session, body["user"]["id"]).password_hash
    assert stored.startswith("$argon2id$")


def test_the_language_of_a_user_is_chosen_or_that_of_the_browser(client: Any) -> None:
    def registered(name: str, headers: dict[str, str], **more: str) -> Any:
        body = {**ADA, "username": name, "email": f"{name}@example.org", **more}
        return client.post("/v1/auth/register", json=body, headers=headers)

    german = {"Accept-Language": "fr, de-CH;q=0.8, en;q=0.5"}
    assert registered("chosen", german, language="en").json["user"]["language"] == "en"
    assert registered("unknown", {"Accept-Language": "fr"}).json["user"]["language"] is None
    assert registered("nobody", {}, language="fr").status_code == 422
    hinted = registered("hinted", german).json
    assert hinted["user"]["language"] == "de"
    token = signed(hinted["access_token"])
    assert client.patch("/v1/me", json={"language": "en"}, headers=token).json["language"] == "en"
    assert client.patch("/v1/me", json={"language": None}, headers=token).json["language"] is None
    assert client.patch("/v1/me", json={"language": "xx"}, headers=token).status_code == 422


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"username": "ADA.l"}, "username_taken"), ({"email": "ADA@Example.org"}, "email_taken")],
)
def test_user_name_and_email_are_unique_regardless_of_case(client: Any, changes: dict[str, str], code: str) -> None:
    assert client.post("/v1/auth/register", json=ADA).status_code == 201
    other = {**ADA, "username": "other", "email": "other@example.org", **changes}
    answer = client.post("/v1/auth/register", json=other)
    assert (answer.status_code, answer.json["code"]) == (409, code)
    assert (count(accounts.User), count(accounts.Address), count(carts.Cart), count(accounts.LoginSession)) == (1,) * 4


def test_concurrent_registrations_create_one_account(app: Any) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: app.test_client().post("/v1/auth/register", json=ADA), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert count(carts.Cart) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "ab"), ("username", "a" * 65), ("username", "with space"), ("username", "ada\n"),
        ("email", "ada"), ("email", f"{'a' * 250}@example.org"), ("password", "1234567"), ("password", "x" * 257),
        ("first_name", ""), ("username", 7), ("address", None), ("first_name", "Win\nhttps://evil.example"),
        ("last_name", "evil.example"), ("last_name", "\u202eadA"), ("email", "\ufdfa" * 200 + "@example.org"),
    ],
)  # fmt: skip
def test_registration_refuses_invalid_fields(client: Any, field: str, value: Any) -> None:
    answer = client.post("/v1/auth/register", json={**ADA, field: value})
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
    assert count(accounts.User) == 0


COMMON = [
    "password",
    "P@ssw0rd",
    "Sunshine2024!",
    "qwertyuiop",
    "passwordpassword",
    "aaaaaaaa",
    "Ada.L123",
    "ada@example.org",
]


@pytest.mark.parametrize("password", COMMON)
def test_common_passwords_are_refused_at_registration(client: Any, password: str) -> None:
    answer = client.post("/v1/auth/register", json={**ADA, "password": password})
    assert (answer.status_code, answer.json["code"]) == (422, "password_too_common")
    assert list(answer.json["errors"]) == ["password"]
    assert count(accounts.User) == 0


def test_common_passwords_are_refused_at_a_change(customer: Any) -> None:
    body = {"current_password": PASSWORD, "new_password": "customer1"}
    answer = customer.post("/v1/auth/password", json=body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["new_password"])
    assert customer.post("/v1/auth/password", json={**body, "new_password": "a new password"}).status_code == 204


@pytest.mark.parametrize(
    "name", [{"username": "CUSTOMER"}, {"email": "Customer@example.org"}, {"username": "customer@example.org"}]
)
def test_login_with_user_name_or_email(client: Any, customer: Any, name: dict[str, str]) -> None:
    answer = client.post("/v1/auth/login", json={**name, "password": PASSWORD})
    assert answer.status_code == 200
    assert client.get("/v1/me", headers=signed(answer.json["access_token"])).json["id"] == customer.user_id


def test_login_gives_the_same_answer_for_an_unknown_account(client: Any, customer: Any) -> None:
    wrong = client.post("/v1/auth/login", json={"username": "customer", "password": "wrong"})
    unknown = client.post("/v1/auth/login", json={"username": "nobody", "password": "wrong"})
    for answer in (wrong, unknown):
        assert (answer.status_code, answer.json["code"]) == (401, "wrong_credentials")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert wrong.json["detail"] == unknown.json["detail"]


def test_login_requires_either_user_name_or_email(client: Any) -> None:
    for name in ({}, {"username": "ada", "email": "ada@example.org"}):
        answer = client.post("/v1/auth/login", json={**name, "password": PASSWORD})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["username"])


def test_an_access_token_names_user_and_session_for_15_minutes(customer: Any) -> None:
    claims = jwt.decode(customer.access_token, settings.secret_key, algorithms=["HS256"])
    assert (claims["sub"], claims["sid"]) == (customer.user_id, customer.session_id)
    assert claims["exp"] - claims["iat"] == 900
    assert len(claims["jti"]) == 32


def forged(customer: Any, secret: str = settings.secret_key, algorithm: str = "HS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {"sub": customer.user_id, "sid": customer.session_id, "iat": now, "exp": now + 900, "jti": "1", **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret if algorithm != "none" else "", algorithm=algorithm)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_invalid_tokens_are_refused(client: Any, customer: Any, sign_in: Callable[..., Any]) -> None:
    other = sign_in("other")
    now = int(time.time())
    bad = {
        "another secret": forged(customer, secret="x" * 32),
        "no signature": forged(customer, algorithm="none"),
        "another algorithm": forged(customer, algorithm="HS512"),
        "too old": forged(customer, iat=now - 1000, exp=now - 1),
        "no end": forged(customer, exp=None),
        "no session": forged(customer, sid=None),
        "an unknown session": forged(customer, sid=new_id("ses")),
        "somebody else's session": forged(customer, sid=other.session_id),
        "no token": "x.y.z",
        "a refresh token": customer.refresh_token,
    }
    assert client.get("/v1/me", headers=signed(forged(customer))).status_code == 200
    for name, token in bad.items():
        answer = client.get("/v1/me", headers=signed(token))
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_token"), name
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_an_access_token_expires(client: Any, customer: Any) -> None:
    token = forged(customer, exp=int(time.time()) + 5)
    assert client.get("/v1/me", headers=signed(token)).status_code == 200
    assert wait_until(lambda: client.get("/v1/me", headers=signed(token)).status_code == 401, 30, 0.1)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "token"])
def test_a_request_without_a_bearer_token_is_unauthenticated(client: Any, header: str | None) -> None:
    answer = client.get("/v1/me", headers={"Authorization": header} if header is not None else {})
    assert (answer.status_code, answer.json["code"]) == (401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="shopflow"'


def test_logout_revokes_both_tokens_at_once(client: Any, customer: Any) -> None:
    assert customer.post("/v1/auth/logout").status_code == 204
    assert customer.get("/v1/me").status_code == 401
    assert client.post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token}).status_code == 401
    assert customer.post("/v1/auth/logout").status_code == 401


def test_a_closed_account_is_signed_out_at_once(client: Any, customer: Any) -> None:
    with transaction() as session:
        session.execute(update(accounts.User).values(status="closed"))
    assert customer.get("/v1/me").status_code == 401
    assert client.post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token}).status_code == 401
    assert client.post("/v1/auth/login", json={"username": "customer", "password": PASSWORD}).status_code == 401


def test_refresh_exchanges_the_token(client: Any, customer: Any) -> None:
    first = client.post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token})
    assert first.status_code == 200
    assert first.json["refresh_token"] != customer.refresh_token
    assert client.get("/v1/me", headers=signed(first.json["access_token"])).json["id"] == customer.user_id
    second = client.post("/v1/auth/refresh", json={"refresh_token": first.json["refresh_token"]})
    assert second.status_code == 200


@pytest.mark.parametrize("exchanges", [1, 3])
def test_reuse_of_a_refresh_token_ends_the_session(client: Any, customer: Any, exchanges: int) -> None:
    token = customer.refresh_token
    for _ in range(exchanges):
        token = client.post("/v1/auth/refresh", json={"refresh_token": token}).json["refresh_token"]
    stolen = client.post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token})
    assert (stolen.status_code, stolen.json["code"]) == (401, "invalid_token")
    assert client.post("/v1/auth/refresh", json={"refresh_token": token}).status_code == 401
    assert customer.get("/v1/me").status_code == 401


def test_concurrent_refreshes_exchange_a_token_once(app: Any, customer: Any) -> None:
    def refresh(_: int) -> Any:
        return app.test_client().post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token})

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(answer.status_code for answer in threads.map(refresh, range(4)))
    assert statuses == [200, 401, 401, 401]


def test_an_unknown_refresh_token_ends_no_session(client: Any, customer: Any) -> None:
    assert client.post("/v1/auth/refresh", json={"refresh_token": "invented"}).status_code == 401
    assert customer.get("/v1/me").status_code == 200


def test_introspection_describes_a_live_token(client: Any, staff: Any) -> None:
    answer = client.post("/v1/auth/introspect", json={"token": staff.access_token})
    assert answer.status_code == 200
    assert answer.json["active"] is True
    assert (answer.json["sub"], answer.json["sid"]) == (staff.user_id, staff.session_id)
    assert answer.json["roles"] == ["customer", "finance", "staff", "warehouse"]
    assert "stock:write" in answer.json["scope"].split()
    assert answer.json["exp"] > time.time()
    staff.post("/v1/auth/logout")
    for token in (staff.access_token, "nonsense"):
        assert client.post("/v1/auth/introspect", json={"token": token}).json == {"active": False}


def test_a_profile_is_patched_field_by_field(customer: Any, sign_in: Callable[..., Any]) -> None:
    other = sign_in("other")
    assert customer.patch("/v1/me", json={"first_name": "Grace"}).json["first_name"] == "Grace"
    assert customer.get("/v1/me").json["last_name"] == "Tester"
    taken = customer.patch("/v1/me", json={"username": other.username.upper(), "last_name": "Hopper"})
    assert (taken.status_code, taken.json["code"]) == (409, "username_taken")
    assert customer.get("/v1/me").json["last_name"] == "Tester"
    assert customer.patch("/v1/me", json={"status": "closed"}).status_code == 422
    assert customer.patch("/v1/me", json={"first_name": None}).status_code == 422


def test_a_password_change_ends_the_other_sessions(client: Any, customer: Any) -> None:
    elsewhere = client.post("/v1/auth/login", json={"username": "customer", "password": PASSWORD}).json
    wrong = {"current_password": "wrong", "new_password": "a new password"}
    assert customer.post("/v1/auth/password", json=wrong).status_code == 401
    assert client.get("/v1/me", headers=signed(elsewhere["access_token"])).status_code == 200
    right = {**wrong, "current_password": PASSWORD}
    assert customer.post("/v1/auth/password", json=right).status_code == 204
    assert customer.get("/v1/me").status_code == 200
    assert client.get("/v1/me", headers=signed(elsewhere["access_token"])).status_code == 401
    for password, status in ((PASSWORD, 401), ("a new password", 200)):
        answer = client.post("/v1/auth/login", json={"username": "customer", "password": password})
        assert answer.status_code == status


def test_addresses_are_private_to_their_owner(customer: Any, sign_in: Callable[..., Any]) -> None:
    other = sign_in("other")
    new = {"line1": "1 Lane", "line2": "Flat 2", "city": "Leeds", "postal_code": "LS1", "country": "GB"}
    added = customer.post("/v1/me/addresses", json=new)
    assert added.status_code == 201
    assert {name: added.json[name] for name in new} == new
    listed = customer.get("/v1/me/addresses").json
    assert [address["city"] for address in listed["data"]] == ["London", "Leeds"]
    assert (listed["has_more"], listed["next_cursor"]) == (False, None)
    address = f"/v1/me/addresses/{added.json['id']}"
    assert other.delete(address).status_code == 404
    assert customer.delete(address).status_code == 204
    assert customer.delete(address).status_code == 404
    assert len(customer.get("/v1/me/addresses").json["data"]) == 1
    assert customer.post("/v1/me/addresses", json={**new, "country": "x"}).status_code == 422


def test_sessions_are_listed_and_ended(client: Any, customer: Any, sign_in: Callable[..., Any]) -> None:
    other = sign_in("other")
    login = {"username": "customer", "password": PASSWORD}
    phone = client.post("/v1/auth/login", json=login, headers={"User-Agent": "phone"}).json["access_token"]
    listed = customer.get("/v1/me/sessions").json["data"]
    assert [(row["user_agent"], row["current"]) for row in listed] == [("phone", False), ("pytest", True)]
    assert listed[0]["ip"] == "127.0.0.1"
    address = f"/v1/me/sessions/{listed[0]['id']}"
    assert other.delete(address).status_code == 404
    assert client.get("/v1/me", headers=signed(phone)).status_code == 200
    assert customer.delete(address).status_code == 204
    assert client.get("/v1/me", headers=signed(phone)).status_code == 401
    assert [row["current"] for row in customer.get("/v1/me/sessions").json["data"]] == [True]
    assert customer.delete(address).status_code == 404
