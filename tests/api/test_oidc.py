"""Sign-in by OpenID Connect, against the provider of the sandbox."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import func, select

from models import accounts, carts
from models.accounts import challenges
from models.core.database import transaction
from serving import identity as shared
from settings import Settings
from tasks.gateways.identity import oidc
from tests.authenticator_app import enrol
from tests.identity_provider import ADA, PAGE, at_provider, finish, known_settings, provider, sandbox, spoil
from tests.production import PRODUCTION
from tests.servers import Server

__all__ = ["provider", "sandbox"]


def start(client: Any, **body: str) -> dict[str, Any]:
    begun = client.post("/v1/auth/oidc/example/start", json=body)
    assert begun.status_code == 200, begun.json
    answer: dict[str, Any] = begun.json
    return answer


def sign_in_as(client: Any, user: dict[str, str] = ADA) -> Any:
    return finish(client, at_provider(start(client), user))


def token(answer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json['access_token']}"}


def refused(answer: Any, status: int, code: str) -> bool:
    return (answer.status_code, answer.json["code"]) == (status, code)


# ---- signing in


def test_providers_are_listed(client: Any, provider: Server) -> None:
    assert client.get("/v1/auth/oidc").json == {"data": [{"name": "example", "title": "Example ID"}]}
    assert client.post("/v1/auth/oidc/other/start", json={}).status_code == 404
    assert client.post("/v1/auth/oidc/other/finish", json={"code": "x", "state": "y"}).status_code == 404


def test_the_first_sign_in_creates_an_account_and_the_next_one_finds_it(client: Any, provider: Server) -> None:
    first, second = sign_in_as(client), sign_in_as(client, {**ADA, "email": "another@example.org"})
    assert (first.status_code, second.status_code) == (200, 200)
    me, again = (client.get("/v1/me", headers=token(answer)).json for answer in (first, second))
    assert me["id"] == again["id"]
    assert (me["email"], me["first_name"], me["last_name"], me["roles"]) == (
        "ada@example.org", "Ada", "O'Hara, Jr.", ["customer"],
    )  # fmt: skip
    shown = client.get("/v1/me/sessions", headers=token(second)).json["data"]
    assert [one["method"] for one in shown] == ["oidc", "oidc"]
    (identity,) = client.get("/v1/me/identities", headers=token(first)).json["data"]
    assert (identity["provider"], identity["email"]) == ("example", "ada@example.org")
    with transaction() as session:
        assert session.scalars(select(carts.Cart.user_id)).one() == me["id"]
    login = {"email": "ada@example.org", "password": "x"}
    assert refused(client.post("/v1/auth/login", json=login), 401, "wrong_credentials")


def test_pkce_nonce_and_state_are_sent(client: Any, provider: Server) -> None:
    begun, other = start(client), start(client)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun["url"]).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (
        "code", "S256", "openid email profile",
    )  # fmt: skip
    assert (asked["client_id"], asked["redirect_uri"], asked["state"]) == ("shop", PAGE, begun["state"])
    theirs = {name: values[0] for name, values in parse_qs(urlsplit(other["url"]).query).items()}
    assert not {asked[name] for name in ("nonce", "code_challenge", "state")} & set(theirs.values())


def test_a_provider_returns_only_to_pages_of_the_shop(
    client: Any, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = client.post("/v1/auth/oidc/example/start", json={"return_url": "https://evil.example/"})
    assert refused(evil, 422, "url_not_allowed")
    assert start(client, return_url=PAGE)["url"]
    urls = {"oidc_return_urls": "https://a.example/x https://b.example/y"}
    monkeypatch.setattr(shared, "settings", known_settings().model_copy(update=urls))
    begun = start(client, return_url="https://b.example/y")
    assert "redirect_uri=https%3A%2F%2Fb.example%2Fy" in begun["url"]


def test_a_guest_cart_is_merged(client: Any, provider: Server) -> None:
    from tests.shopping import make_product

    guest = {"X-Cart-Token": client.post("/v1/cart").json["token"]}
    body = {"product_id": make_product("THING", 5), "quantity": 2}
    client.post("/v1/cart/items", json=body, headers=guest)
    given = at_provider(start(client), ADA)
    answer = client.post(
        "/v1/auth/oidc/example/finish", json={"code": given["code"], "state": given["state"]}, headers=guest
    )
    assert answer.json["cart"]["added"] == 2


def test_the_second_factor_is_asked_for(client: Any, provider: Server, sign_in: Callable[..., Any]) -> None:
    ada = sign_in("ada")
    link(client, ada)
    app, _ = enrol(ada)
    asked = sign_in_as(client)
    assert refused(asked, 401, "second_factor_required")
    body = {"challenge": asked.json["challenge"], "code": app.code()}
    signed = client.post("/v1/auth/second-factor", json=body)
    shown = client.get("/v1/me/sessions", headers=token(signed)).json["data"]
    assert [one["method"] for one in shown if one["current"]] == ["oidc+totp"]


# ---- accounts are never taken over


def link(client: Any, owner: Any) -> str:
    """Links ADA's identity to an account with her address."""
    exists = sign_in_as(client)
    assert refused(exists, 409, "account_exists")
    made = owner.post("/v1/me/identities", json={"link_token": exists.json["link_token"]})
    assert made.status_code == 201, made.json
    identity: str = made.json["id"]
    return identity


def test_an_identity_is_linked_by_the_owner_of_the_account(
    client: Any, provider: Server, sign_in: Callable[..., Any]
) -> None:
    ada, stranger = sign_in("ada"), sign_in("stranger")
    exists = sign_in_as(client, {**ADA, "email": "ADA@example.org"})
    assert refused(exists, 409, "account_exists")
    body = {"link_token": exists.json["link_token"]}
    assert refused(stranger.post("/v1/me/identities", json=body), 401, "invalid_challenge")
    linked = ada.post("/v1/me/identities", json=body)
    assert (linked.status_code, linked.json["last_used_at"]) == (201, None)
    assert refused(ada.post("/v1/me/identities", json=body), 401, "invalid_challenge")
    assert client.get("/v1/me", headers=token(sign_in_as(client))).json["id"] == ada.user_id
    path = f"/v1/me/identities/{linked.json['id']}"
    assert stranger.delete(path).status_code == 404
    assert ada.delete(path).status_code == 204
    assert refused(sign_in_as(client), 409, "account_exists")


def test_an_identity_belongs_to_one_account(client: Any, provider: Server, sign_in: Callable[..., Any]) -> None:
    ada = sign_in("ada")
    tokens = [sign_in_as(client).json["link_token"] for _ in range(2)]
    answers = [ada.post("/v1/me/identities", json={"link_token": one}) for one in tokens]
    assert answers[0].status_code == 201
    assert refused(answers[1], 409, "identity_known")


@pytest.mark.parametrize("change", [{"verified": ""}, {"email": ""}, {"email": "no address"}])
def test_an_address_that_is_not_verified_makes_no_account(
    client: Any, provider: Server, sign_in: Callable[..., Any], change: dict[str, str]
) -> None:
    sign_in("ada")
    assert refused(sign_in_as(client, {**ADA, **change}), 409, "email_not_verified")
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(accounts.User)).one() == 1


@pytest.mark.parametrize("name", ["https://evil.example", "evil.example", "Ada\nhttp", "<b>Ada</b>", "x" * 101])
def test_a_name_that_could_be_a_link_is_left_out(client: Any, provider: Server, name: str) -> None:
    signed = sign_in_as(client, {**ADA, "given_name": name, "family_name": name})
    me = client.get("/v1/me", headers=token(signed)).json
    assert (me["first_name"], me["last_name"]) == (me["username"], "")


def test_of_concurrent_first_sign_ins_one_account_is_made(app: Any, client: Any, provider: Server) -> None:
    given = [at_provider(start(client), ADA) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda one: finish(app.test_client(), one), given))
    assert 200 in {one.status_code for one in answers}
    assert {one.json["code"] for one in answers if one.status_code != 200} <= {"account_exists", "email_taken"}
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(accounts.User)).one() == 1


def test_closing_an_account_unlinks_its_identities(client: Any, provider: Server) -> None:
    signed = token(sign_in_as(client))
    assert client.delete("/v1/me", headers=signed).status_code == 204
    assert sign_in_as(client).status_code == 200  # a new account


# ---- what the provider may do wrong


@pytest.mark.parametrize(
    "kind",
    ["wrong_issuer", "wrong_audience", "many_audiences", "wrong_nonce", "no_subject", "expired", "no_expiry",
     "unknown_key", "alg_none", "hs256", "forged", "no_token"],
)  # fmt: skip
def test_an_id_token_that_is_not_acceptable_is_refused(client: Any, provider: Server, kind: str) -> None:
    spoil(provider, kind)
    assert refused(sign_in_as(client), 401, "sign_in_refused")
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(accounts.User)).one() == 0
    assert sign_in_as(client).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(30, 200), (-330, 200), (120, 401), (-400, 401)])
def test_a_clock_may_be_wrong_by_a_minute(client: Any, provider: Server, seconds: float, status: int) -> None:
    """A token is valid for five minutes."""
    spoil(provider, "clock", seconds=seconds)
    assert sign_in_as(client).status_code == status


def test_keys_are_read_again_after_a_rotation(client: Any, provider: Server) -> None:
    assert sign_in_as(client).status_code == 200
    assert requests.post(f"{provider.url}/sandbox/rotate", timeout=30).status_code == 204
    assert sign_in_as(client).status_code == 200


def test_a_refusal_of_the_user_comes_back_as_a_redirect(client: Any, provider: Server) -> None:
    given = at_provider(start(client), {"error": "access_denied"})
    assert given["error"] == "access_denied"
    assert refused(finish(client, {**given, "code": "none"}), 401, "sign_in_refused")


def test_codes_and_states_work_once_and_for_each_other_only(
    client: Any, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = start(client)
    given, other = (
        at_provider(begun, ADA),
        at_provider(start(client), {**ADA, "sub": "eve", "email": "eve@example.org"}),
    )
    mixed = {"code": other["code"], "state": given["state"]}  # the verifier is that of another sign-in
    assert refused(finish(client, mixed), 401, "sign_in_refused")
    assert finish(client, given).status_code == 200
    assert refused(finish(client, given), 401, "sign_in_refused")
    replayed = at_provider(begun, ADA)
    assert refused(finish(client, replayed), 401, "invalid_challenge")
    monkeypatch.setattr(challenges, "LIFETIME", -1)
    expired = at_provider(start(client), ADA)
    for state in (expired["state"], "forged", accounts.make_state("other", PAGE)):
        assert refused(finish(client, {**expired, "state": state}), 401, "invalid_challenge")


@pytest.mark.parametrize("kind", ["500", "huge", "redirect", "not_json"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
def test_a_provider_that_is_broken_is_unavailable(client: Any, provider: Server, kind: str, path: str) -> None:
    given = at_provider(start(client), ADA)
    oidc.documents._read.clear()
    spoil(provider, kind, path)
    answer = finish(client, given)
    assert refused(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]


def test_a_provider_that_is_slow_is_unavailable_and_then_left_alone(client: Any, provider: Server) -> None:
    given = [at_provider(start(client), ADA) for _ in range(4)]
    spoil(provider, "slow", "/jwks", seconds=4, times=3)
    assert [finish(client, one).status_code for one in given] == [503] * 4
    assert oidc.breaker("example", "finish").current_state == "open"
    left = requests.get(f"{provider.url}/sandbox/faults", timeout=30).json()
    assert left == []  # three were asked, the fourth was not


def test_a_provider_that_is_away_is_unavailable(client: Any, provider: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    away = known_settings().oidc_providers[0].model_copy(update={"issuer": "http://127.0.0.1:9"})
    monkeypatch.setattr(shared, "settings", known_settings().model_copy(update={"oidc_providers": (away,)}))
    assert refused(client.post("/v1/auth/oidc/example/start", json={}), 503, "unavailable")


def test_the_configuration_of_another_issuer_is_not_used(
    client: Any, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = known_settings().oidc_providers[0].model_copy(update={"issuer": f"{provider.url}/"})
    monkeypatch.setattr(shared, "settings", known_settings().model_copy(update={"oidc_providers": (other,)}))
    assert refused(client.post("/v1/auth/oidc/example/start", json={}), 503, "unavailable")


def test_providers_in_production_need_tls() -> None:
    one = {"name": "example", "title": "Example ID", "issuer": "http://id.example", "client_id": "shop"}
    production: dict[str, Any] = {**PRODUCTION, "env": "production"}
    assert Settings(**production, oidc_providers=({**one, "issuer": "https://id.example"},)).oidc_providers
    with pytest.raises(ValueError, match="SHOP_OIDC_PROVIDERS"):
        Settings(**production, oidc_providers=(one,))
