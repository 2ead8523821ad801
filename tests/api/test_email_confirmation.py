"""The address of a registration is confirmed by a mailed token, and nothing else is mailed to it before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from durable.ids import new_id
from durable.tables import RunRecord
from models import accounts
from models.core.database import transaction
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
    info = accounts.UserInfo("google", "https://issuer.example", "1", "eve@example.org", True, "Eve", "Past")
    with transaction() as session:
        eve = accounts.register_identity(session, info, "none", None).user_id
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
