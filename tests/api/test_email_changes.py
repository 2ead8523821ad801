"""Changes of the e-mail address: not by a stolen access token alone, and only once it is confirmed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from durable.ids import new_id
from models import accounts, notifications
from models.core.database import transaction
from tests.api.test_email_confirmation import mail_reset, mail_token, newcomer, runs_of
from tests.conftest import PASSWORD, Caller
from tests.shopping import make_customer

__all__ = ["newcomer"]

OLD, NEW = "customer@example.org", "new@example.org"


def age_session(caller: Any, seconds: float = 601) -> None:
    with transaction() as session:
        mine = update(accounts.LoginSession).where(accounts.LoginSession.id == caller.session_id)
        session.execute(mine.values(created_at=func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)))


def address_of(caller: Any) -> str:
    with transaction() as session:
        return accounts.get(session, caller.user_id).email


def confirm_tokens() -> list[str]:
    """Those of the mails to new addresses, oldest first."""
    return [accounts.derive_change_token(run_id) for run_id in runs_of("confirm_new_email")]


def restore_tokens() -> list[str]:
    """Those of the mails to the former addresses, oldest first."""
    return [accounts.derive_restore_token(run_id) for run_id in runs_of("email_changing")]


def ask(caller: Any, email: str = NEW) -> str:
    """Gives another address. Returns the token that is mailed to it."""
    answer = caller.patch("/v1/me", json={"email": email})
    assert (answer.status_code, answer.json["pending_email"]) == (200, email)
    return confirm_tokens()[-1]


def confirm(client: Any, token: str, **options: Any) -> Any:
    return client.post("/v1/auth/email/confirm", json={"token": token}, **options)


def restore(client: Any, token: str) -> Any:
    return client.post("/v1/auth/email/restore", json={"token": token})


def change(caller: Any, email: str = NEW) -> None:
    """Gives another address and confirms it."""
    assert confirm(caller.client, ask(caller, email)).status_code == 204


# ---- asking


def test_an_old_session_needs_the_password_to_change_the_address(customer: Any) -> None:
    age_session(customer)
    for body, status, code in (
        ({"email": NEW}, 403, "fresh_sign_in_required"),
        ({"email": NEW, "current_password": "wrong"}, 401, "wrong_credentials"),
    ):
        refused = customer.patch("/v1/me", json={**body, "first_name": "Eve"})
        assert (refused.status_code, refused.json["code"]) == (status, code)
    assert runs_of("confirm_new_email") == runs_of("email_changing") == []
    assert customer.get("/v1/me").json["pending_email"] is None
    assert customer.patch("/v1/me", json={"first_name": "Grace", "email": OLD}).json["first_name"] == "Grace"
    answer = customer.patch("/v1/me", json={"email": NEW, "current_password": PASSWORD})
    assert (answer.json["email"], answer.json["pending_email"]) == (OLD, NEW)


def test_guesses_of_the_password_are_throttled(customer: Any) -> None:
    body = {"email": NEW, "current_password": "wrong"}
    statuses = [customer.patch("/v1/me", json=body).status_code for _ in range(6)]
    statuses += [customer.delete("/v1/me", json={"current_password": "wrong"}).status_code for _ in range(6)]
    assert statuses == [401] * 10 + [429] * 2


def test_an_address_counts_once_it_is_confirmed(client: Any, customer: Any) -> None:
    token = ask(customer)
    assert address_of(customer) == OLD
    assert client.post("/v1/auth/login", json={"email": NEW, "password": PASSWORD}).status_code == 401
    assert confirm(client, token).status_code == 204
    shown = customer.get("/v1/me").json  # the session continues
    assert (shown["email"], shown["pending_email"]) == (NEW, None)
    assert client.post("/v1/auth/login", json={"email": "NEW@example.org", "password": PASSWORD}).status_code == 200
    again = confirm(client, token)
    assert (again.status_code, list(again.json["errors"])) == (422, ["token"])


def test_a_new_address_replaces_one_that_is_not_confirmed(client: Any, customer: Any) -> None:
    first, second = ask(customer), ask(customer, "third@example.org")
    assert confirm(client, first).status_code == 422
    assert confirm(client, second).status_code == 204
    assert address_of(customer) == "third@example.org"


def test_the_present_address_cancels_the_change(client: Any, customer: Any) -> None:
    token = ask(customer)
    age_session(customer)
    assert customer.patch("/v1/me", json={"email": OLD}).json["pending_email"] is None
    assert confirm(client, token).status_code == 422


def test_an_address_can_be_confirmed_for_24_hours(client: Any, customer: Any) -> None:
    token = ask(customer)
    with transaction() as session:
        pending = session.scalars(select(accounts.PendingEmail)).one()
        assert pending.expires_at - pending.created_at == timedelta(hours=24)
        pending.expires_at = pending.created_at
    assert customer.get("/v1/me").json["pending_email"] is None
    assert confirm(client, token).status_code == 422
    assert address_of(customer) == OLD


def test_new_addresses_are_limited(customer: Any) -> None:
    statuses = [customer.patch("/v1/me", json={"email": f"{n}@example.org"}).status_code for n in range(4)]
    assert statuses == [200, 200, 200, 429]


def test_tokens_are_stored_as_hashes(customer: Any) -> None:
    token = ask(customer)
    with transaction() as session:
        kept: list[accounts.PendingEmail | accounts.EmailChange] = [
            session.scalars(select(accounts.PendingEmail)).one(), session.scalars(select(accounts.EmailChange)).one(),
        ]  # fmt: skip
    assert not {row.token_hash for row in kept} & {token, restore_tokens()[0]}
    assert [len(row.token_hash) for row in kept] == [64, 64]


# ---- whose address it is


def test_an_address_that_is_taken_is_answered_like_one_that_is_free(customer: Any, sign_in: Callable[..., Any]) -> None:
    sign_in("other")
    free, taken = (customer.patch("/v1/me", json={"email": email}) for email in (NEW, "Other@example.org"))
    assert (free.status_code, taken.status_code) == (200, 200)
    assert {**free.json, "pending_email": ""} == {**taken.json, "pending_email": ""}
    with transaction() as session:  # only the mail differs: the owner of the address is not bothered
        to_mail = accounts.find_email_to_confirm(session, customer.user_id, runs_of("confirm_new_email")[-1])
    assert to_mail is None


def test_an_address_that_was_taken_meanwhile_is_refused(client: Any, customer: Any) -> None:
    token = ask(customer)
    make_customer("new")  # new@example.org
    refused = confirm(client, token)
    assert (refused.status_code, refused.json["code"]) == (409, "email_taken")
    assert address_of(customer) == OLD


def test_of_two_users_who_confirm_one_address_one_wins(app: Any, customer: Any, sign_in: Callable[..., Any]) -> None:
    other = sign_in("other")
    tokens = [ask(customer), ask(other)]
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda token: confirm(app.test_client(), token), tokens))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert sorted([address_of(customer), address_of(other)]) in (
        sorted([NEW, "other@example.org"]), sorted([OLD, NEW]),
    )  # fmt: skip


def test_a_token_changes_the_account_for_which_it_was_mailed(
    client: Any, customer: Any, sign_in: Callable[..., Any]
) -> None:
    other = sign_in("other")
    assert confirm(client, ask(customer), headers=other.headers).status_code == 204
    assert (address_of(customer), address_of(other)) == (NEW, "other@example.org")


def test_concurrent_confirmations_use_a_token_once(app: Any, customer: Any) -> None:
    token = ask(customer)
    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(lambda _: confirm(app.test_client(), token).status_code, range(4)))
    assert statuses == [204, 422, 422, 422]


def test_reset_tokens_of_the_old_address_end_with_it(client: Any, customer: Any) -> None:
    with transaction() as session:
        run_id = new_id("run")
        accounts.save_reset_token(session, run_id, customer.user_id)
    change(customer)
    body = {"token": accounts.derive_reset_token(run_id), "new_password": "a new password"}
    assert client.post("/v1/auth/password/reset", json=body).status_code == 422


def test_a_token_is_good_for_one_thing(client: Any, customer: Any) -> None:
    confirmation, restoration = ask(customer), restore_tokens()[0]
    assert confirm(client, restoration).status_code == 422
    assert restore(client, confirmation).status_code == 422
    body = {"token": confirmation, "new_password": "a new password"}
    assert client.post("/v1/auth/password/reset", json=body).status_code == 422


def test_a_confirmed_address_is_not_suppressed(client: Any, customer: Any) -> None:
    with transaction() as session:
        for address in (OLD, NEW):
            notifications.suppress(session, address, "refused", "550")
    token = ask(customer)
    with transaction() as session:
        assert notifications.is_suppressed(session, NEW)
    assert confirm(client, token).status_code == 204
    with transaction() as session:
        assert not notifications.is_suppressed(session, OLD)
        assert not notifications.is_suppressed(session, NEW)


def test_the_page_of_the_link_has_a_button_that_changes_the_address(client: Any, customer: Any) -> None:
    token = ask(customer)
    page = client.get(f"/v1/auth/email/confirm?token={token}")
    assert (page.status_code, f"/v1/auth/email/confirm/button?token={token}" in page.text) == (200, True)
    assert address_of(customer) == OLD  # mail programs follow links on their own
    assert client.post(f"/v1/auth/email/confirm/button?token={token}").status_code == 200
    assert address_of(customer) == NEW
    assert client.get(f"/v1/auth/email/confirm?token={token}").status_code == 404


# ---- an address that was never confirmed


def test_a_mistyped_address_is_changed_and_leads_back_to_nobody(client: Any, newcomer: Caller) -> None:
    mistyped = newcomer.get("/v1/me").json["email"]
    strangers, reset = mail_token(newcomer.user_id), mail_reset(newcomer.user_id)
    token = ask(newcomer)
    assert confirm(client, token).status_code == 204
    shown = newcomer.get("/v1/me").json
    assert (shown["email"], shown["email_confirmed"], shown["pending_email"]) == (NEW, True, None)
    assert len(runs_of("held_mail")) == 1  # what was held follows
    assert runs_of("email_changing") == []
    with transaction() as session:
        assert session.scalars(select(accounts.EmailChange)).all() == []
    assert confirm(client, strangers).status_code == 422
    body = {"token": reset, "new_password": "a new password"}
    assert client.post("/v1/auth/password/reset", json=body).status_code == 422
    assert make_customer("stranger", email=mistyped)  # who can have an account


@pytest.mark.parametrize("proof", ["confirmation", "reset"])
def test_proving_the_present_address_cancels_a_change_of_which_it_was_not_notified(
    client: Any, newcomer: Caller, proof: str
) -> None:
    """Otherwise, whoever has stolen the session changes the address of a new account without a way back."""
    present, token = newcomer.get("/v1/me").json["email"], ask(newcomer)
    if proof == "confirmation":
        assert confirm(client, mail_token(newcomer.user_id)).status_code == 204
    else:
        body = {"token": mail_reset(newcomer.user_id), "new_password": "a new password"}
        assert client.post("/v1/auth/password/reset", json=body).status_code == 200
    assert confirm(client, token).status_code == 422
    assert address_of(newcomer) == present
    with transaction() as session:
        accounts.request_email_change(session, newcomer.user_id, NEW)
    assert len(runs_of("email_changing")) == 1


@pytest.mark.parametrize("attempt", range(5))
def test_of_both_addresses_confirmed_at_once_one_wins(app: Any, newcomer: Caller, attempt: int) -> None:
    present = newcomer.get("/v1/me").json["email"]
    tokens = [mail_token(newcomer.user_id), ask(newcomer)]
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda token: confirm(app.test_client(), token).status_code, tokens))
    assert sorted(answers) == [204, 422]
    assert address_of(newcomer) == (present if answers[0] == 204 else NEW)
    assert newcomer.get("/v1/me").json["email_confirmed"] is True
