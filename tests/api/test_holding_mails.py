"""Which mails are held until the address is confirmed, at the same time as it is, and which are still of use."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, get_type_hints

import pytest
from sqlalchemy import select

from durable.ids import new_id
from local.waiting import wait_until
from models import accounts, notifications
from models.core.database import transaction
from models.core.events import AccountRegistered
from models.notifications import Kind, contexts, kinds
from models.notifications.rendering import render
from settings import Settings
from tasks.notifications import sending
from tests.api.test_email_confirmation import confirm, mail_token, newcomer, runs_of
from tests.conftest import Caller
from tests.models.racing import is_blocked

__all__ = ["newcomer"]


def hold(user_id: str, kind: Kind[contexts.Account] = kinds.WELCOME, about: str = "") -> str | None:
    """Does what a step that sends does in its transaction. Returns the id of the notification, None if it is held."""
    with transaction() as session:
        return hold_in(session, user_id, kind, about)


def hold_in(session: Any, user_id: str, kind: Kind[contexts.Account] = kinds.WELCOME, about: str = "") -> str | None:
    user = accounts.get(session, user_id)
    context: contexts.Account = {"first_name": user.first_name, "username": user.username}
    made = notifications.compose(
        session, kind, context, key=f"test:{about or new_id('any')}", channel="email", recipient=user.email,
        user_id=user.id, language="en",
    )  # fmt: skip
    request: sending.Request = {
        "id": f"<{made.id}@shopflow>", "user_id": user.id, "to": user.email, "subject": made.subject,
        "text": made.text, "kind": kind.name,
    }  # fmt: skip
    return sending.unless_held(session, request) and made.id


def held(user_id: str) -> list[str]:
    with transaction() as session:
        return [row.kind for row in notifications.list_held(session, user_id)]


def test_mails_to_an_address_that_is_not_confirmed_are_held_and_shown(newcomer: Caller) -> None:
    assert hold(newcomer.user_id) is None
    (row,) = newcomer.get("/v1/notifications").json["data"]
    assert (row["kind"], row["status"], row["sent_at"]) == ("welcome", "held", None)
    assert row["last_error"] == "The e-mail address is not confirmed."


@pytest.mark.parametrize("kind", [kinds.CONFIRM_ADDRESS, kinds.CONFIRM_NEW_EMAIL, kinds.PASSWORD_RESET])
def test_mails_that_prove_the_address_are_not_held(newcomer: Caller, kind: Kind[Any]) -> None:
    request: sending.Request = {
        "id": "<ntf_1@shopflow>", "user_id": newcomer.user_id, "to": "", "subject": "", "text": "", "kind": kind.name,
    }  # fmt: skip
    with transaction() as session:
        assert sending.unless_held(session, request) == request


def test_no_other_kind_is_sent_before_the_address_is_confirmed() -> None:
    proving = {kind.name for kind in notifications.KINDS.values() if kind.proves}
    assert proving == {"confirm_address", "confirm_new_email", "password_reset"}


def test_mails_to_confirmed_users_are_not_held(customer: Caller) -> None:
    assert hold(customer.user_id) is not None
    assert held(customer.user_id) == []


OUR_WORDS = {"token", "days", "hours", "api", "pages", "digits", "minutes"}
"""Variables of templates that the shop alone decides."""
TO_UNCONFIRMED = [kind for kind in notifications.KINDS.values() if kind.proves]


@pytest.mark.parametrize("kind", [*TO_UNCONFIRMED, kinds.PHONE_CODE], ids=lambda kind: str(kind.name))
def test_what_goes_to_an_unconfirmed_address_or_number_has_no_text_of_a_user(kind: Kind[Any]) -> None:
    """Whoever has it may be a stranger, and mail programs make a link of a username such as `example.com`."""
    assert get_type_hints(kind.context).keys() <= OUR_WORDS  # tests/models compares the templates with it


def test_the_tokens_of_one_run_differ_by_kind() -> None:
    run_id = new_id("run")
    assert len({derive(run_id) for derive in sending.DERIVED.values()}) == len(sending.DERIVED) == 4


@contextmanager
def transaction_on_thread(work: Callable[[Any], object]) -> Iterator[tuple[Barrier, Any]]:
    """Does `work` in a transaction of another thread, which commits once the barrier is passed."""
    done, commit = Barrier(2, timeout=20), Barrier(2, timeout=20)

    def run() -> object:
        with transaction() as session:
            made = work(session)
            done.wait()
            commit.wait()
            return made

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        done.wait()
        yield commit, running


def test_a_mail_that_is_being_held_is_seen_by_the_confirmation(client: Any, app: Any, newcomer: Caller) -> None:
    token = mail_token(newcomer.user_id)
    with (
        transaction_on_thread(lambda session: hold_in(session, newcomer.user_id)) as (commit, holding),
        ThreadPoolExecutor(1) as pool,
    ):
        confirming = pool.submit(confirm, app.test_client(), token)
        assert wait_until(is_blocked, 20, 0.02)
        assert runs_of("held_mail") == []  # nothing looks for held mails before the mail is there
        commit.wait()
        assert holding.result() is None
        assert confirming.result().status_code == 204
    assert held(newcomer.user_id) == ["welcome"]
    assert len(runs_of("held_mail")) == 1


def test_a_mail_is_sent_if_the_address_is_being_confirmed(newcomer: Caller) -> None:
    token = mail_token(newcomer.user_id)
    with (
        transaction_on_thread(lambda session: accounts.confirm_by_token(session, token)) as (commit, _),
        ThreadPoolExecutor(1) as pool,
    ):
        holding = pool.submit(hold, newcomer.user_id)
        assert wait_until(is_blocked, 20, 0.02)
        commit.wait()
        assert holding.result() is not None
    assert held(newcomer.user_id) == []


def test_of_eight_confirmations_at_once_one_sends_what_was_held(app: Any, newcomer: Caller) -> None:
    token = mail_token(newcomer.user_id)
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda _: confirm(app.test_client(), token).status_code, range(8))]
    assert answers == [204] * 8
    assert len(runs_of("held_mail")) == 1


def test_a_mail_that_is_held_while_the_account_closes_is_erased(newcomer: Caller) -> None:
    with (
        transaction_on_thread(lambda session: accounts.close(session, newcomer.user_id)) as (commit, _),
        ThreadPoolExecutor(1) as pool,
    ):
        holding = pool.submit(hold, newcomer.user_id)
        assert wait_until(is_blocked, 20, 0.02)
        commit.wait()
        assert holding.result() is None
    with transaction() as session:
        row = session.scalars(select(notifications.Notification)).one()
    assert (row.recipient, row.text, row.held, row.fault) == ("erased", "", None, "The account was closed.")


# ---- what is still of use


def test_mandatory_mails_and_the_welcome_are_kept_and_the_others_dropped_after_a_day() -> None:
    row = notifications.Notification(
        recipient="a@example.org", created_at=datetime.now(UTC) - timedelta(days=30), kind=""
    )
    lasting = set()
    for kind in notifications.KINDS.values():
        row.kind = kind.name
        if notifications.why_drop(row, "a@example.org") is None:
            lasting.add(kind.name)
    mandatory = {kind.name for kind in notifications.KINDS.values() if kind.mandatory}
    assert lasting == mandatory - {"action_needed"} | {"welcome"}
    assert {"order_confirmed", "order_cancelled", "refunded", "order_shipped", "return_received"} <= lasting
    row.created_at = datetime.now(UTC) - timedelta(hours=23)
    row.kind = "order_delivered"
    assert notifications.why_drop(row, "a@example.org") is None


def test_a_mail_about_a_former_address_goes_to_no_other() -> None:
    row = notifications.Notification(
        recipient="a@example.org", created_at=datetime.now(UTC), kind=kinds.EMAIL_CHANGING.name
    )
    assert notifications.why_drop(row, "b@example.org") == "The e-mail address was never confirmed."
    row.kind = kinds.ORDER_CONFIRMED.name
    assert notifications.why_drop(row, "b@example.org") is None


def test_the_event_of_a_registration_asks_before_it_welcomes() -> None:
    assert AccountRegistered.starts == ("confirm_address", "welcome")


@pytest.mark.parametrize(("kind", "valid"), [(kinds.CONFIRM_ADDRESS, "days"), (kinds.CONFIRM_NEW_EMAIL, "hours")])
def test_the_links_lead_to_the_api_and_to_the_pages_if_there_are_any(kind: Kind[Any], valid: str) -> None:
    context = {"token": "t" * 43, valid: 7, "api": "", "pages": ""}
    assert "http" not in render(kind, "email", context).text
    linked = {**context, "api": Settings().api_base, "pages": "https://shop.example"}
    shown = render(kind, "email", linked).text
    assert f"{Settings().api_base}/v1/auth/email/confirm?token={'t' * 43}\n" in shown
    assert f"https://shop.example/email/confirm#token={'t' * 43}\n" in shown
