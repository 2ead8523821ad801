"""Limits of mails that anybody can have sent to an address: whoever asks, for whatever, they are counted together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.test_accounts import ADA
from tests.api.test_email_confirmation import newcomer
from tests.conftest import Caller

__all__ = ["newcomer"]

FORGOT, ANOTHER_MAIL = "/v1/auth/password/forgot", "/v1/me/email/confirmation"
SPELLING = ADA["email"].upper()


def forget(client: Any, login: str) -> int:
    named = {"email": login} if "@" in login else {"username": login}
    return int(client.post(FORGOT, json=named).status_code)


def give_address(caller: Any, email: str) -> int:
    return int(caller.patch("/v1/me", json={"email": email}).status_code)


def test_five_mails_to_an_address_whoever_asks_for_whatever(
    client: Any, newcomer: Caller, sign_in: Callable[..., Any]
) -> None:
    others = [sign_in(f"other{n}") for n in range(3)]
    # The first one was that of the registration.
    assert newcomer.post(ANOTHER_MAIL).status_code == 202
    assert forget(client, ADA["username"]) == 202
    assert [give_address(other, SPELLING) for other in others] == [200, 200, 429]
    assert newcomer.post(ANOTHER_MAIL).status_code == 429
    assert forget(client, ADA["email"]) == forget(client, ADA["username"]) == 429
    again = client.post("/v1/auth/register", json={**ADA, "username": "ada2", "email": SPELLING})
    assert (again.status_code, again.json["code"]) == (429, "too_many_requests")
    assert 0 < int(again.headers["Retry-After"]) <= 1200
    assert give_address(others[2], "another@example.org") == 200


def test_an_address_without_account_is_counted_alike(client: Any, sign_in: Callable[..., Any]) -> None:
    """Otherwise, the limit would reveal which addresses have an account."""
    other, third = sign_in("other"), sign_in("third")
    answers = {}
    for address in ("nobody@example.org", "other@example.org"):
        answers[address] = [give_address(third, address), *(forget(client, address) for _ in range(4))]
    assert answers["nobody@example.org"] == answers["other@example.org"] == [200, 202, 202, 202, 429]
    assert other.get("/v1/me").json["email"] == "other@example.org"


def test_a_registration_that_is_refused_does_not_count(client: Any, sign_in: Callable[..., Any]) -> None:
    sign_in("lovelace")
    taken = [client.post("/v1/auth/register", json=ADA | {"username": "lovelace"}).status_code for _ in range(6)]
    assert taken == [409] * 6
    assert client.post("/v1/auth/register", json=ADA).status_code == 201


def test_requests_at_once_do_not_exceed_the_limit(app: Any, sign_in: Callable[..., Any]) -> None:
    callers = [sign_in(f"user{n}") for n in range(8)]

    def give(caller: Any) -> int:
        body = {"email": "victim@example.org"}
        return int(app.test_client().patch("/v1/me", json=body, headers=caller.headers).status_code)

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(give, callers)) == [200] * 5 + [429] * 3


@pytest.mark.parametrize("email", ["new@example.org", "NEW@example.org"])
def test_a_change_that_is_refused_changes_nothing(customer: Any, sign_in: Callable[..., Any], email: str) -> None:
    for n in range(5):
        assert give_address(sign_in(f"user{n}"), "new@example.org") == 200
    refused = customer.patch("/v1/me", json={"email": email, "first_name": "Eve"})
    assert refused.status_code == 429
    shown = customer.get("/v1/me").json
    assert (shown["pending_email"], shown["first_name"]) == (None, "Customer")
