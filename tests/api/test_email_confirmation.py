"""The address of a registration is confirmed by a mailed token, and nothing else is mailed to it before."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from durable.ids import new_id
from durable.tables import RunRecord
from local.waiting import wait_until
from models import accounts, notifications
from models.core.database import transaction
from models.core.events import AccountRegistered
from models.notifications import Kind, contexts, kinds
from models.notifications.rendering import render
from settings import Settings
from tasks.notifications import sending
from tests.api.test_accounts import ADA, signed
from tests.conftest import Caller

CONFIRM = "/v1/auth/email/confirm"


@pytest.fixture
def newcomer(client: Any) -> Caller:
    """Ada, who has just registered."""
    made = client.post("/v1/auth/register", json=ADA).json
    return Caller(client, made["user"]["id"], "", ADA["username"], made["access_token"], made["refresh_token"])


def runs_of(workflow: str) -> list[str]:
    """The ids of all runs of the workflow, oldest first."""
    with transaction() as session:
        return [*session.scalars(select(RunRecord.id).where(RunRecord.workflow == workflow).order_by(RunRecord.id))]


def mail_token(user_id: str, run_id: str | None = None) -> str:
    """What the step that mails a token does, except for the mail; returns the token."""
    run_id = run_id or runs_of("confirm_address")[-1]
    with transaction() as session:
        accounts.save_confirmation_token(session, run_id, accounts.get(session, user_id))
    return accounts.derive_confirmation_token(run_id)


def mail_reset(user_id: str) -> str:
    run_id = new_id("run")
    with transaction() as session:
        accounts.save_reset_token(session, run_id, user_id)
    return accounts.derive_reset_token(run_id)


def is_confirmed(caller: Caller) -> bool:
    found: bool = caller.get("/v1/me").json["email_confirmed"]
    return found


def confirm(client: Any, token: str) -> Any:
    return client.post(CONFIRM, json={"token": token})


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


# ---- confirming


def test_a_registration_is_not_confirmed_and_a_mailed_token_confirms_it(client: Any, newcomer: Caller) -> None:
    assert not is_confirmed(newcomer)
    assert (len(runs_of("confirm_address")), len(runs_of("welcome"))) == (1, 1)
    token = mail_token(newcomer.user_id)
    assert confirm(client, token).status_code == 204
    assert is_confirmed(newcomer)
    assert confirm(client, token).status_code == 204  # a second time changes nothing
    assert len(runs_of("held_mail")) == 1


def test_customers_of_operators_and_of_identity_providers_are_confirmed(customer: Caller) -> None:
    told = accounts.ToldIdentity("google", "https://issuer.example", "1", "eve@example.org", True, "Eve", "Past")
    with transaction() as session:
        eve = accounts.register_identity(session, told, "none", None).user_id
        assert eve is not None
        admin = accounts.upsert_admin(session, username="root", email="root@example.org", password_hash="none")
        assert accounts.get(session, eve).email_confirmed_at is not None
        assert admin.email_confirmed_at is not None
    assert is_confirmed(customer)


def test_an_administrator_made_of_a_customer_is_confirmed(newcomer: Caller) -> None:
    with transaction() as session:
        accounts.upsert_admin(
            session, username=ADA["username"], email="root@example.org", password_hash="none", promote=True
        )
        assert accounts.get(session, newcomer.user_id).email_confirmed_at is not None


@pytest.mark.parametrize("method", ["GET", "POST", "button"])
def test_a_wrong_expired_or_foreign_token_confirms_nothing(client: Any, newcomer: Caller, method: str) -> None:
    def ask(token: str) -> int:
        if method == "POST":
            return int(confirm(client, token).status_code)
        if method == "GET":
            return int(client.get(f"{CONFIRM}?token={token}").status_code)
        return int(client.post(f"{CONFIRM}/button?token={token}").status_code)

    refused = 404 if method == "GET" else 422
    assert ask("x" * 43) == refused
    assert ask(mail_reset(newcomer.user_id)) == refused
    token = mail_token(newcomer.user_id)
    with transaction() as session:
        session.execute(update(accounts.EmailConfirmation).values(expires_at=func.now()))
    assert ask(token) == refused
    assert not is_confirmed(newcomer)


def test_a_token_is_valid_for_seven_days(newcomer: Caller) -> None:
    mail_token(newcomer.user_id)
    with transaction() as session:
        expires_at = session.scalars(select(accounts.EmailConfirmation.expires_at)).one()
    assert timedelta(days=7, minutes=-1) < expires_at - datetime.now(UTC) <= timedelta(days=7)


def test_a_token_confirms_only_the_address_to_which_it_was_mailed(client: Any, newcomer: Caller) -> None:
    token, reset = mail_token(newcomer.user_id), mail_reset(newcomer.user_id)
    with transaction() as session:
        accounts.get(session, newcomer.user_id).email = "victim@example.org"
    assert confirm(client, token).status_code == 422
    done = client.post("/v1/auth/password/reset", json={"token": reset, "new_password": "some other words"})
    assert done.status_code == 200
    assert client.get("/v1/me", headers=signed(done.json["access_token"])).json["email_confirmed"] is False


def test_a_password_reset_by_a_mailed_token_confirms_the_address(client: Any, newcomer: Caller) -> None:
    body = {"token": mail_reset(newcomer.user_id), "new_password": "some other words"}
    done = client.post("/v1/auth/password/reset", json=body)
    assert client.get("/v1/me", headers=signed(done.json["access_token"])).json["email_confirmed"] is True
    assert len(runs_of("held_mail")) == 1


def test_the_page_of_the_link_has_a_button_that_confirms(client: Any, newcomer: Caller) -> None:
    newcomer.patch("/v1/me", json={"language": "de"})
    token = mail_token(newcomer.user_id)
    page = client.get(f"{CONFIRM}?token={token}")
    assert (page.status_code, page.mimetype, page.headers["Referrer-Policy"]) == (200, "text/html", "no-referrer")
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert f'<form method="post" action="{CONFIRM}/button?token={token}"><button>' in page.text
    assert "E-Mail-Adresse bestätigen" in page.text
    assert not is_confirmed(newcomer)  # mail programs follow links on their own
    for _ in range(2):
        done = client.post(f"{CONFIRM}/button?token={token}", data={})
        assert (done.status_code, "ist bestätigt" in done.text) == (200, True)
        assert is_confirmed(newcomer)


def test_another_mail_is_sent_three_times_an_hour(client: Any, newcomer: Caller) -> None:
    first = mail_token(newcomer.user_id)
    for status in (202, 202, 202, 429):
        assert newcomer.post("/v1/me/email/confirmation").status_code == status
    assert len(runs_of("confirm_address")) == 4
    assert mail_token(newcomer.user_id) != first
    assert confirm(client, first).status_code == 204  # the earlier mail is still good


def test_a_closed_account_is_not_confirmed(client: Any, newcomer: Caller) -> None:
    token = mail_token(newcomer.user_id)
    assert newcomer.delete("/v1/me").status_code == 204
    assert confirm(client, token).status_code == 422
    assert runs_of("held_mail") == []


# ---- holding


def test_mails_to_an_address_that_is_not_confirmed_are_held_and_shown(newcomer: Caller) -> None:
    assert hold(newcomer.user_id) is None
    (row,) = newcomer.get("/v1/notifications").json["data"]
    assert (row["kind"], row["status"], row["sent_at"]) == ("welcome", "held", None)
    assert row["last_error"] == "The e-mail address is not confirmed."


@pytest.mark.parametrize("kind", [kinds.CONFIRM_ADDRESS, kinds.PASSWORD_RESET])
def test_mails_that_prove_the_address_are_not_held(newcomer: Caller, kind: Kind[Any]) -> None:
    request: sending.Request = {
        "id": "<ntf_1@shopflow>", "user_id": newcomer.user_id, "to": "", "subject": "", "text": "", "kind": kind.name,
    }  # fmt: skip
    with transaction() as session:
        assert sending.unless_held(session, request) == request


def test_no_other_kind_is_sent_before_the_address_is_confirmed() -> None:
    assert {kind.name for kind in notifications.KINDS.values() if kind.proves} == {"confirm_address", "password_reset"}


def test_mails_to_confirmed_users_are_not_held(customer: Caller) -> None:
    assert hold(customer.user_id) is not None
    assert held(customer.user_id) == []


def test_the_mail_that_asks_has_no_text_of_the_user(newcomer: Caller) -> None:
    names = set(contexts.ConfirmAddress.__annotations__)
    assert names == {"token", "days", "api", "pages"}


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


def is_waiting_for_a_lock() -> bool:
    with transaction() as session:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                       "current_database()")  # fmt: skip
        return bool(session.scalars(waiting).one())


def test_a_mail_that_is_being_held_is_seen_by_the_confirmation(client: Any, app: Any, newcomer: Caller) -> None:
    token = mail_token(newcomer.user_id)
    with (
        transaction_on_thread(lambda session: hold_in(session, newcomer.user_id)) as (commit, holding),
        ThreadPoolExecutor(1) as pool,
    ):
        confirming = pool.submit(confirm, app.test_client(), token)
        assert wait_until(is_waiting_for_a_lock, 20, 0.02)
        assert runs_of("held_mail") == []  # nothing looks for held mails before the mail is there
        commit.wait()
        assert holding.result() is None
        assert confirming.result().status_code == 204
    assert held(newcomer.user_id) == ["welcome"]
    assert len(runs_of("held_mail")) == 1


def test_a_mail_is_sent_if_the_address_is_being_confirmed(newcomer: Caller) -> None:
    token = mail_token(newcomer.user_id)
    with (
        transaction_on_thread(lambda session: accounts.confirm_email(session, token)) as (commit, _),
        ThreadPoolExecutor(1) as pool,
    ):
        holding = pool.submit(hold, newcomer.user_id)
        assert wait_until(is_waiting_for_a_lock, 20, 0.02)
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
        assert wait_until(is_waiting_for_a_lock, 20, 0.02)
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
        recipient="a@example.org", created_at=datetime.now(UTC), kind=kinds.EMAIL_CHANGED.name
    )
    assert notifications.why_drop(row, "b@example.org") == "The e-mail address was never confirmed."
    row.kind = kinds.ORDER_CONFIRMED.name
    assert notifications.why_drop(row, "b@example.org") is None


def test_the_event_of_a_registration_asks_before_it_welcomes() -> None:
    assert AccountRegistered.starts == ("confirm_address", "welcome")


def test_the_link_leads_to_the_api_and_to_the_pages_if_there_are_any() -> None:
    context: contexts.ConfirmAddress = {"token": "t" * 43, "days": 7, "api": "", "pages": ""}
    assert "http" not in render(kinds.CONFIRM_ADDRESS, "email", context).text
    linked: contexts.ConfirmAddress = {**context, "api": Settings().api_base, "pages": "https://shop.example"}
    shown = render(kinds.CONFIRM_ADDRESS, "email", linked).text
    assert f"{Settings().api_base}/v1/auth/email/confirm?token={'t' * 43}\n" in shown
    assert f"https://shop.example/confirm#token={'t' * 43}\n" in shown
