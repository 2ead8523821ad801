"""Signing in with a passkey and at a provider, from a network from which too many sign-ins have failed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.identity_provider import provider, sandbox, spoil
from tests.servers import Server
from tests.software_authenticator import SoftwareAuthenticator
from tests.throttles import SECONDS, fail_before, forgiven_at
from tests.web.accounts import is_signed_in
from tests.web.conftest import Browser
from tests.web.test_passkeys import add, enter
from tests.web.test_providers import arrive

__all__ = ["provider", "sandbox"]


def expect_to_wait(browser: Browser, answer: Any) -> None:
    assert (answer.status_code, "You can try again in" in answer.text) == (429, True)
    assert int(answer.headers["Retry-After"]) > 0
    assert not is_signed_in(browser)


def test_a_passkey_has_to_wait(browser: Browser, signed_in: Callable[..., Browser]) -> None:
    device = SoftwareAuthenticator()
    add(signed_in("ada"), device)
    fail_before(3600)
    expect_to_wait(browser, enter(browser, device))


def test_a_wrong_passkey_counts_and_a_right_one_does_not(browser: Browser, signed_in: Callable[..., Browser]) -> None:
    device = SoftwareAuthenticator()
    add(signed_in("ada"), device)
    fail_before(300)
    before = forgiven_at()
    assert enter(browser, device).status_code == 303
    assert forgiven_at() == before
    device.credential_id = b"unknown"
    assert enter(browser, device).status_code == 422
    assert forgiven_at() - before == timedelta(seconds=SECONDS)


def test_a_return_from_a_provider_has_to_wait(browser: Browser, provider: Server) -> None:
    fail_before(3600)
    expect_to_wait(browser, arrive(browser))


def test_a_wrong_return_from_a_provider_counts_and_a_right_one_does_not(browser: Browser, provider: Server) -> None:
    fail_before(300)
    before = forgiven_at()
    assert arrive(browser).status_code == 303
    assert forgiven_at() == before
    spoil(provider, "wrong_nonce")
    assert arrive(browser).status_code == 422
    assert forgiven_at() - before == timedelta(seconds=SECONDS)
