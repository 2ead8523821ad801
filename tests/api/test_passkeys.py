"""Passkeys, with an authenticator in software."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from models import accounts
from models.accounts import challenges, relying_party, sessions
from models.core.database import transaction
from models.core.event_log import Event
from settings import Settings, settings
from tests.api.test_passwords import let_time_pass
from tests.authenticator_app import enrol
from tests.conftest import PASSWORD
from tests.software_authenticator import SoftwareAuthenticator, decoded, encoded

ORIGIN = f"http://localhost:{settings.api_port}"


def options_for(caller: Any) -> dict[str, Any]:
    answer = caller.post("/v1/me/passkeys/options", json={})
    assert answer.status_code == 200, answer.json
    options: dict[str, Any] = answer.json["public_key"]
    return options


def add(caller: Any, device: SoftwareAuthenticator, name: str = "My telephone") -> Any:
    credential = device.create(options_for(caller))
    return caller.post("/v1/me/passkeys", json={"name": name, "credential": credential})


def registered(caller: Any) -> SoftwareAuthenticator:
    device = SoftwareAuthenticator(ORIGIN)
    assert add(caller, device).status_code == 201
    return device


def asked(client: Any) -> dict[str, Any]:
    options: dict[str, Any] = client.post("/v1/auth/passkeys/options").json["public_key"]
    return options


def sign_in(client: Any, credential: dict[str, Any]) -> Any:
    return client.post("/v1/auth/passkeys", json={"credential": credential})


# ---- registration


def test_a_passkey_is_added_renamed_and_deleted(customer: Any, sign_in: Callable[..., Any]) -> None:
    options = options_for(customer)
    assert (options["rp"], options["user"]["name"]) == ({"name": "Shopflow", "id": "localhost"}, "customer")
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    added = add(customer, SoftwareAuthenticator(ORIGIN))
    assert (added.status_code, added.json["name"], added.json["last_used_at"]) == (201, "My telephone", None)
    path = f"/v1/me/passkeys/{added.json['id']}"
    assert customer.patch(path, json={"name": "Old telephone"}).json["name"] == "Old telephone"
    assert customer.get(path).json == {**added.json, "name": "Old telephone"}
    stranger = sign_in("stranger")
    assert {stranger.open(method, path).status_code for method in ("GET", "DELETE")} == {404}
    assert stranger.patch(path, json={"name": "Mine"}).status_code == 404
    assert customer.delete(path).status_code == 204
    assert customer.get("/v1/me/passkeys").json["data"] == []
    with transaction() as session:
        told = session.scalars(select(Event.payload).where(Event.name == "sign_in.changed").order_by(Event.id)).all()
    assert [one["change"] for one in told] == ["passkey_added", "passkey_deleted"]


def test_a_browser_is_told_which_passkeys_there_are(customer: Any) -> None:
    device = registered(customer)
    assert [one["id"] for one in options_for(customer)["excludeCredentials"]] == [encoded(device.credential_id)]
    again = add(customer, device)
    assert (again.status_code, again.json["code"]) == (409, "passkey_known")


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (SoftwareAuthenticator("https://evil.example"), "origin"),
        (SoftwareAuthenticator(ORIGIN, rp_id="evil.example"), "RP ID"),
        (SoftwareAuthenticator(ORIGIN, verified=False), "verification"),
    ],
)
def test_what_is_no_passkey_for_this_shop_is_refused(customer: Any, device: Any, reason: str) -> None:
    refused = add(customer, device)
    assert (refused.status_code, refused.json["code"]) == (422, "passkey_invalid")
    assert reason in refused.json["errors"]["credential"][0]
    assert customer.get("/v1/me/passkeys").json["data"] == []


def test_options_are_for_one_passkey_of_one_session(customer: Any, sign_in: Callable[..., Any], client: Any) -> None:
    options = options_for(customer)
    body = {"name": "x", "credential": SoftwareAuthenticator(ORIGIN).create(options)}
    stranger = sign_in("stranger").post("/v1/me/passkeys", json=body)
    assert (stranger.status_code, stranger.json["code"]) == (401, "invalid_challenge")
    assert customer.post("/v1/me/passkeys", json=body).status_code == 201
    other = {"name": "x", "credential": SoftwareAuthenticator(ORIGIN).create(options)}
    replayed = customer.post("/v1/me/passkeys", json=other)
    assert (replayed.status_code, replayed.json["code"]) == (401, "invalid_challenge")
    to_sign_in = {**options, "challenge": asked(client)["challenge"]}
    mixed = {"name": "x", "credential": SoftwareAuthenticator(ORIGIN).create(to_sign_in)}
    assert customer.post("/v1/me/passkeys", json=mixed).json["code"] == "invalid_challenge"


def test_passkeys_are_added_and_deleted_only_after_a_fresh_sign_in(customer: Any) -> None:
    added = add(customer, SoftwareAuthenticator(ORIGIN))
    with transaction() as session:
        session.execute(update(accounts.LoginSession).values(created_at=func.now() - timedelta(minutes=11)))
    refused = customer.post("/v1/me/passkeys/options", json={})
    assert (refused.status_code, refused.json["code"]) == (403, "fresh_sign_in_required")
    assert customer.post("/v1/me/passkeys/options", json={"current_password": PASSWORD}).status_code == 200
    kept = customer.delete(f"/v1/me/passkeys/{added.json['id']}")
    assert (kept.status_code, kept.json["code"]) == (403, "fresh_sign_in_required")


def test_there_are_at_most_twenty_passkeys(customer: Any) -> None:
    devices = [SoftwareAuthenticator(ORIGIN) for _ in range(21)]
    made = [device.create(options_for(customer)) for device in devices]
    bodies = [{"name": "x", "credential": credential} for credential in made]
    statuses = [customer.post("/v1/me/passkeys", json=body).status_code for body in bodies]
    assert statuses == [201] * 20 + [409]
    refused = customer.post("/v1/me/passkeys/options", json={})
    assert (refused.status_code, refused.json["code"]) == (409, "too_many_passkeys")


# ---- signing in


def test_a_passkey_signs_in_without_username_and_code(client: Any, customer: Any) -> None:
    device = registered(customer)
    enrol(customer)  # it counts as two factors
    options = asked(client)
    assert (options["rpId"], options["userVerification"], options["allowCredentials"]) == ("localhost", "required", [])
    signed = sign_in(client, device.get(options))
    assert signed.status_code == 200
    token = {"Authorization": f"Bearer {signed.json['access_token']}"}
    assert client.get("/v1/me", headers=token).json["id"] == customer.user_id
    shown = client.get("/v1/me/sessions", headers=token).json["data"]
    assert [one["method"] for one in shown if one["current"]] == ["passkey"]
    assert customer.get("/v1/me/passkeys").json["data"][0]["last_used_at"] is not None


def test_a_passkey_is_a_second_factor_for_staff(
    client: Any, sign_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "settings", settings.model_copy(update={"staff_second_factor": True}))
    admin = sign_in("admin", "admin")
    device = registered(admin)
    assert admin.get("/v1/users").json["code"] == "second_factor_missing"
    signed = client.post("/v1/auth/passkeys", json={"credential": device.get(asked(client))}).json
    assert client.get("/v1/users", headers={"Authorization": f"Bearer {signed['access_token']}"}).status_code == 200


def wrong_origin(device: SoftwareAuthenticator, client: Any) -> dict[str, Any]:
    device.origin = "https://evil.example"
    return device.get(asked(client))


def wrong_rp(device: SoftwareAuthenticator, client: Any) -> dict[str, Any]:
    device.rp_id = "evil.example"
    return device.get(asked(client))


def not_verified(device: SoftwareAuthenticator, client: Any) -> dict[str, Any]:
    device.verified = False
    return device.get(asked(client))


def unknown(device: SoftwareAuthenticator, client: Any) -> dict[str, Any]:
    device.credential_id = b"unknown"
    return device.get(asked(client))


def of_somebody_else(device: SoftwareAuthenticator, client: Any) -> dict[str, Any]:
    device.user_handle = encoded(bytes(16))
    return device.get(asked(client))


def forged(device: SoftwareAuthenticator, client: Any) -> dict[str, Any]:
    credential = device.get(asked(client))
    stranger = SoftwareAuthenticator(device.origin, credential_id=device.credential_id, user_handle=device.user_handle)
    credential["response"]["signature"] = stranger.get(asked(client))["response"]["signature"]
    return credential


@pytest.mark.parametrize("attack", [wrong_origin, wrong_rp, not_verified, unknown, of_somebody_else, forged])
def test_attacks_are_refused_alike(
    client: Any, customer: Any, attack: Callable[[SoftwareAuthenticator, Any], dict[str, Any]]
) -> None:
    device = registered(customer)
    refused = sign_in(client, attack(device, client))
    assert (refused.status_code, refused.json["code"]) == (401, "passkey_refused")
    assert refused.json["detail"] == "This passkey was not accepted."


def test_a_cloned_passkey_is_refused(client: Any, customer: Any, caplog: pytest.LogCaptureFixture) -> None:
    device = registered(customer)
    clone = SoftwareAuthenticator(
        ORIGIN, credential_id=device.credential_id, user_handle=device.user_handle, key=device.key, count=0
    )
    for _ in range(2):
        assert sign_in(client, device.get(asked(client))).status_code == 200
    refused = sign_in(client, clone.get(asked(client)))
    assert (refused.status_code, refused.json["code"]) == (401, "passkey_refused")
    assert "sign count" in caplog.text


def test_a_passkey_without_a_counter_signs_in_again(client: Any, customer: Any) -> None:
    device = registered(customer)
    for _ in range(2):
        device.count = -1  # it says 0 each time, as synced passkeys do
        assert sign_in(client, device.get(asked(client))).status_code == 200


def test_a_challenge_is_neither_replayed_nor_expired_nor_invented(
    client: Any, customer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = registered(customer)
    options = asked(client)
    credential = device.get(options)
    assert sign_in(client, credential).status_code == 200
    monkeypatch.setattr(challenges, "LIFETIME", -1)
    expired = asked(client)
    monkeypatch.undo()
    invented = {**options, "challenge": encoded(b"my own")}
    for wrong in (credential, device.get(options), device.get(expired), device.get(invented)):
        refused = sign_in(client, wrong)
        assert (refused.status_code, refused.json["code"]) == (401, "invalid_challenge")


def test_of_eight_answers_to_a_challenge_at_once_one_wins(app: Any, client: Any, customer: Any) -> None:
    device, options = registered(customer), asked(client)
    credentials = [device.get(options) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda one: sign_in(app.test_client(), one), credentials))
    assert sorted(one.status_code for one in answers) == [200] + [401] * 7
    # One that was counted already may be refused first, which leaves the challenge to another.
    assert {one.json["code"] for one in answers if one.status_code == 401} == {"invalid_challenge"}


def test_a_deleted_passkey_and_that_of_a_closed_account_do_not_sign_in(client: Any, sign_in: Any) -> None:
    first, second = sign_in("first"), sign_in("second")
    deleted, closed = registered(first), registered(second)
    first.delete(f"/v1/me/passkeys/{first.get('/v1/me/passkeys').json['data'][0]['id']}")
    assert second.delete("/v1/me").status_code == 204
    for device in (deleted, closed):
        refused = client.post("/v1/auth/passkeys", json={"credential": device.get(asked(client))})
        assert (refused.status_code, refused.json["code"]) == (401, "passkey_refused")
    with transaction() as session:
        assert session.scalars(select(accounts.Passkey)).all() == []


@given(
    data=st.binary(max_size=300), cut=st.integers(0, 250),
    name=st.sampled_from(["authenticatorData", "signature", "attestationObject", "clientDataJSON"]),
)  # fmt: skip
@hypothesis_settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_no_answer_is_refused_whatever_it_is(
    client: Any, customer: Any, data: bytes, cut: int, name: str
) -> None:
    """With a challenge of the shop, so that the bytes are looked at; the beginning of the part is right."""
    device = SoftwareAuthenticator(ORIGIN)
    made = name == "attestationObject"
    credential = device.create(options_for(customer)) if made else device.get(asked(client))
    credential["response"].setdefault("userHandle", "x")
    credential["response"][name] = encoded(decoded(credential["response"][name])[:cut] + data) or "x"
    if made:
        answer = customer.post("/v1/me/passkeys", json={"name": "x", "credential": credential})
    else:
        answer = sign_in(client, credential | {"response": credential["response"] | {"userHandle": "x"}})
        let_time_pass(60)  # a hundred wrong ones from a network are refused
    if answer.status_code == 201:  # nothing was cut; bytes after the end of CBOR are ignored
        customer.delete(f"/v1/me/passkeys/{answer.json['id']}")
    else:
        assert answer.json["code"] in ("invalid_challenge", "passkey_refused", "passkey_invalid")


# ---- the relying party


@pytest.mark.parametrize(
    ("given", "id", "origins"),
    [
        ({}, "localhost", [f"http://localhost:{settings.api_port}"]),
        ({"public_url": "https://shop.example:8443/en"}, "shop.example", ["https://shop.example:8443"]),
        ({"public_url": "https://www.shop.example", "webauthn_rp_id": "shop.example"}, "shop.example",
         ["https://www.shop.example"]),
        ({"webauthn_rp_id": "shop.example", "webauthn_origins": "https://a.shop.example https://b.shop.example"},
         "shop.example", ["https://a.shop.example", "https://b.shop.example"]),
    ],
)  # fmt: skip
def test_the_relying_party_follows_from_the_settings(
    given: dict[str, str], id: str, origins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relying_party, "settings", settings.model_copy(update=given))
    assert relying_party.relying_party() == relying_party.RelyingParty(id, origins)


def test_a_shop_in_production_without_a_website_has_no_passkeys(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relying_party, "settings", settings.model_copy(update={"env": "production"}))
    refused = client.post("/v1/auth/passkeys/options")
    assert (refused.status_code, refused.json["code"]) == (409, "passkeys_unavailable")


def test_settings_of_passkeys_are_checked() -> None:
    for wrong in ({"webauthn_rp_id": "https://shop.example"}, {"webauthn_origins": "shop.example"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Settings(**wrong)  # type: ignore[arg-type]
