"""The old address restores an account whose address was changed, and takes it from whoever changed it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from durable.ids import new_id
from durable.tables import RunRecord
from models import accounts
from models.accounts.sign_in_tables import SecondFactor
from models.core.database import transaction
from models.core.errors import Conflict
from models.operations import retention
from tests.api.test_email_changes import (
    NEW,
    OLD,
    address_of,
    ask,
    change,
    confirm,
    confirm_tokens,
    restore,
    restore_tokens,
)
from tests.conftest import PASSWORD
from tests.shopping import make_customer


def set_address(caller: Any, email: str) -> None:
    with transaction() as session:
        mine = update(accounts.User).where(accounts.User.id == caller.user_id)
        session.execute(mine.values(email=email, email_key=email))


def test_a_change_that_is_not_confirmed_is_cancelled_by_the_old_address(client: Any, customer: Any) -> None:
    token = ask(customer)
    assert restore(client, restore_tokens()[0]).status_code == 200
    assert confirm(client, token).status_code == 422
    assert address_of(customer) == OLD
    assert customer.get("/v1/me").status_code == 401


def test_the_former_address_is_restored_and_the_thief_is_out(client: Any, customer: Any) -> None:
    change(customer)
    change(customer, "third@example.org")
    with transaction() as session:
        session.add(SecondFactor(user_id=customer.user_id, secret=b"the thief's", confirmed_at=func.now()))
        run_id = new_id("run")
        accounts.save_reset_token(session, run_id, customer.user_id)
    pending = ask(customer, "fourth@example.org")
    first, *later = restore_tokens()
    assert restore(client, first).status_code == 200
    assert address_of(customer) == OLD
    assert customer.get("/v1/me").status_code == 401
    login = client.post("/v1/auth/login", json={"username": "customer", "password": PASSWORD})
    assert (login.status_code, login.json["code"]) == (401, "wrong_credentials")
    for token in (first, *later):  # the later ones would give the account back to whoever took it
        assert restore(client, token).status_code == 422
    assert confirm(client, pending).status_code == 422
    reset = {"token": accounts.derive_reset_token(run_id), "new_password": "a new password"}
    assert client.post("/v1/auth/password/reset", json=reset).status_code == 422
    with transaction() as session:
        assert session.scalars(select(SecondFactor)).all() == []
        resets = select(RunRecord.input).where(RunRecord.workflow == "password_reset")
        assert session.scalars(resets).all() == [{"user_id": customer.user_id}]


def test_a_thief_cannot_spend_the_way_back_of_the_owner(client: Any, customer: Any) -> None:
    change(customer, "thief@example.org")
    change(customer, "other-thief@example.org")
    owners, thiefs = restore_tokens()
    assert restore(client, thiefs).status_code == 200
    assert address_of(customer) == "thief@example.org"
    assert restore(client, owners).status_code == 200
    assert address_of(customer) == OLD


def test_nobody_else_takes_an_address_that_can_be_restored(
    client: Any, customer: Any, sign_in: Callable[..., Any]
) -> None:
    """Otherwise, a thief would register it, and the way back would lead nowhere."""
    other = sign_in("other")
    change(customer)
    set_address(customer, "gone@example.org")  # frees it for the first time
    with pytest.raises(Conflict) as refused:
        make_customer("customer2", email=OLD)
    assert refused.value.code == "email_taken"
    taken = confirm(client, ask(other, "Customer@example.org"))
    assert (taken.status_code, taken.json["code"]) == (409, "email_taken")
    with transaction() as session:
        session.execute(update(accounts.EmailChange).values(expires_at=func.now()))
    assert confirm(client, confirm_tokens()[-1]).status_code == 204


def test_a_registration_does_not_take_an_address_while_it_is_left(
    app: Any, customer: Any, sign_in: Callable[..., Any]
) -> None:
    other = sign_in("other")
    tokens = [ask(customer), ask(other, OLD)]
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda token: confirm(app.test_client(), token), tokens))
    assert [answer.status_code for answer in answers] == [204, 409]
    assert (address_of(customer), address_of(other)) == (NEW, "other@example.org")


def test_an_address_that_another_account_has_since_is_not_restored(
    client: Any, customer: Any, sign_in: Callable[..., Any]
) -> None:
    other = sign_in("other")
    change(customer)
    set_address(other, OLD)
    refused = restore(client, restore_tokens()[0])
    assert (refused.status_code, refused.json["code"]) == (409, "email_taken")
    assert customer.get("/v1/me").status_code == 200


def test_a_second_factor_of_before_the_change_is_kept(client: Any, customer: Any) -> None:
    with transaction() as session:
        session.add(SecondFactor(user_id=customer.user_id, secret=b"the owner's", confirmed_at=func.now()))
    change(customer)
    assert restore(client, restore_tokens()[0]).status_code == 200
    with transaction() as session:
        assert session.scalars(select(SecondFactor.secret)).all() == [b"the owner's"]


@pytest.mark.parametrize("what", ["expires_at", "closed"])
def test_a_token_ends_after_seven_days_and_with_the_account(client: Any, customer: Any, what: str) -> None:
    change(customer)
    pending, (token, _) = ask(customer, "third@example.org"), restore_tokens()
    with transaction() as session:
        for kept in session.scalars(select(accounts.EmailChange)):
            assert timedelta(days=6, hours=23) < kept.expires_at - kept.created_at <= timedelta(days=7, minutes=1)
        assert retention.prune(session, ["email_changes"]).deleted == {}
        if what == "expires_at":
            session.execute(update(accounts.EmailChange).values(expires_at=func.now()))
        else:
            accounts.close(session, customer.user_id)
            assert session.scalars(select(accounts.EmailChange)).all() == []
            assert session.scalars(select(accounts.PendingEmail)).all() == []
    assert restore(client, token).status_code == 422
    assert confirm(client, pending).status_code == (422 if what == "closed" else 204)


def test_concurrent_restorations_use_a_token_once(app: Any, customer: Any) -> None:
    change(customer)
    (token,) = restore_tokens()
    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(lambda _: restore(app.test_client(), token).status_code, range(4)))
    assert statuses == [200, 422, 422, 422]


@pytest.mark.parametrize("attempt", range(5))
def test_of_confirmation_and_restoration_at_once_the_old_address_wins(app: Any, customer: Any, attempt: int) -> None:
    confirmation, (restoration,) = ask(customer), restore_tokens()
    with ThreadPoolExecutor(2) as threads:
        confirmed = threads.submit(confirm, app.test_client(), confirmation)
        restored = threads.submit(restore, app.test_client(), restoration)
        assert restored.result().status_code == 200
        assert confirmed.result().status_code in (204, 422)
    assert address_of(customer) == OLD
    assert confirm(app.test_client(), confirmation).status_code == 422
    with transaction() as session:
        assert accounts.find_pending_email(session, customer.user_id) is None


def test_an_operator_who_sets_an_address_ends_the_ways_back(client: Any, customer: Any) -> None:
    change(customer)
    pending = ask(customer, "third@example.org")
    with transaction() as session:
        accounts.upsert_admin(
            session, username="customer", email="root@example.org", password_hash="none", promote=True
        )
    assert confirm(client, pending).status_code == 422
    assert [restore(client, token).status_code for token in restore_tokens()] == [422, 422]
    assert address_of(customer) == "root@example.org"
