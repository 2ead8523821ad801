"""Sign-ins that name no account, with a passkey and at a provider, are counted for their network."""

from datetime import timedelta
from typing import Any

from tests.api.test_oidc import start
from tests.api.test_passkeys import asked, registered, sign_in, unknown
from tests.api.test_passwords import ELSEWHERE, WRONG, login
from tests.identity_provider import ADA, at_provider, finish, provider, sandbox, spoil
from tests.servers import Server
from tests.throttles import SECONDS, fail_before, forgiven_at

__all__ = ["provider", "sandbox"]


def expect_429(answer: Any) -> None:
    assert (answer.status_code, answer.json["code"]) == (429, "too_many_requests")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_right_passkey_is_refused_after_too_many_failures_of_its_network(client: Any, customer: Any) -> None:
    device = registered(customer)
    fail_before(3600)
    expect_429(sign_in(client, device.get(asked(client))))
    expect_429(login(client, WRONG, "127.0.0.1"))  # the limit is the same
    right = {"credential": device.get(asked(client))}
    assert client.post("/v1/auth/passkeys", json=right, environ_overrides=ELSEWHERE).status_code == 200


def test_a_wrong_passkey_counts_and_a_right_one_does_not(client: Any, customer: Any) -> None:
    device = registered(customer)
    fail_before(300)
    before = forgiven_at()
    assert sign_in(client, device.get(asked(client))).status_code == 200
    assert forgiven_at() == before
    assert sign_in(client, unknown(device, client)).status_code == 401
    assert forgiven_at() - before == timedelta(seconds=SECONDS)


def test_a_return_from_a_provider_is_refused_after_too_many_failures(client: Any, provider: Server) -> None:
    given = at_provider(start(client), ADA)
    fail_before(3600)
    expect_429(finish(client, given))


def test_a_wrong_code_counts_and_a_right_one_or_a_broken_provider_does_not(client: Any, provider: Server) -> None:
    fail_before(300)
    before = forgiven_at()
    assert finish(client, at_provider(start(client), ADA)).status_code == 200
    given = at_provider(start(client), ADA)
    spoil(provider, "500")
    assert finish(client, given).status_code == 503
    assert forgiven_at() == before
    assert finish(client, {**given, "code": "none"}).status_code == 401
    assert forgiven_at() - before == timedelta(seconds=SECONDS)
