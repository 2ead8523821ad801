"""Users, passwords and sessions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import extract_parameters
from sqlalchemy import event, func, select, update

from durable.ids import new_id
from models import access, accounts
from models.core.database import engine, transaction
from models.core.errors import Conflict, NotFound, NotSignedIn
from models.operations import retention
from settings import Settings

HASH = accounts.hash_password("correct horse")


def register(username: str = "ada") -> str:
    with transaction() as session:
        return accounts.register(
            session, username=username, email=f"{username}@example.org", password_hash=HASH,
            first_name="Ada", last_name="Lovelace",
            address={"line1": "1 Lane", "city": "London", "country": "GB"},
        ).id  # fmt: skip


def open_session(user_id: str) -> accounts.OpenedSession:
    with transaction() as session:
        return accounts.open_session(session, user_id, None, None)


def test_a_password_hash_verifies_only_its_password() -> None:
    assert accounts.verify_password(HASH, "correct horse")
    assert not accounts.verify_password(HASH, "Correct horse")
    assert not accounts.verify_password(None, "correct horse")
    assert accounts.hash_password("correct horse") != HASH
    parameters = extract_parameters(HASH)
    assert (parameters.type.name, parameters.time_cost) == ("ID", 2)
    assert Settings.model_fields["password_cost"].default >= 19456  # OWASP's minimum for two passes


def test_an_unknown_user_takes_as_long_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each computes exactly one hash."""
    from models.accounts import passwords

    computed = []

    class Counting:
        def hash(self, password: str) -> str:
            computed.append("hash")
            return HASH

        def verify(self, password_hash: str, password: str) -> bool:
            computed.append("verify")
            return False

    monkeypatch.setattr(passwords, "_hasher", Counting())
    accounts.verify_password(None, "x")
    accounts.verify_password(HASH, "x")
    assert computed == ["hash", "verify"]


def test_a_login_overtaken_by_a_password_change_is_refused() -> None:
    user_id = register()
    with transaction() as session:
        checked = accounts.find_credentials(session, "ADA@example.org")
        assert (checked.user_id, checked.password_hash) == (user_id, HASH)
    with transaction() as session:
        session.execute(update(accounts.User).values(password_hash=accounts.hash_password("new password")))
    with pytest.raises(NotSignedIn), transaction() as session:
        accounts.log_in(session, checked, None, None)


def test_an_unknown_user_has_no_credentials() -> None:
    with transaction() as session:
        unknown = accounts.find_credentials(session, "nobody")
    assert unknown == accounts.Credentials(None, None)
    with pytest.raises(NotSignedIn), transaction() as session:
        accounts.log_in(session, unknown, None, None)


def test_refresh_tokens_are_stored_as_hashes() -> None:
    opened = open_session(register())
    with transaction() as session:
        row = session.get_one(accounts.LoginSession, opened.session_id)
        assert opened.refresh_token not in (row.refresh_hash, row.id)
        assert len(row.refresh_hash) == 64
        assert timedelta(days=29) < row.expires_at - row.created_at <= timedelta(days=30)


def test_a_principal_is_found_in_one_statement() -> None:
    user_id = register()
    with transaction() as session:
        access.grant(session, user_id, "staff")
    opened = open_session(user_id)
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine(), "before_cursor_execute", note)
    try:
        with transaction() as session:
            principal = accounts.find_principal(session, user_id, opened.session_id)
    finally:
        event.remove(engine(), "before_cursor_execute", note)
    assert len(statements) == 1
    assert principal is not None
    assert principal.roles == {"customer", "staff"}
    assert principal.permissions == set(access.SEEDS["staff"])


def test_a_session_expires() -> None:
    user_id = register()
    opened = open_session(user_id)
    with transaction() as session:
        session.execute(update(accounts.LoginSession).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    with transaction() as session:
        assert accounts.find_principal(session, user_id, opened.session_id) is None
        assert accounts.rotate(session, opened.refresh_token) is None
        assert session.scalars(accounts.select_live_sessions(user_id)).all() == []


def test_old_sessions_are_deleted_with_their_spent_tokens() -> None:
    user_id = register()
    live, ended, old = (open_session(user_id) for _ in range(3))
    with transaction() as session:
        assert accounts.rotate(session, ended.refresh_token)
    with transaction() as session:
        accounts.end_session(session, user_id, ended.session_id)
        run_out = update(accounts.LoginSession).where(accounts.LoginSession.id == old.session_id)
        session.execute(run_out.values(expires_at=datetime.now(UTC) - timedelta(hours=1)))
    with transaction() as session:
        assert retention.prune(session, ["sessions"]).deleted == {"sessions": 2}
        assert retention.prune(session, ["sessions"]).deleted == {}
    with transaction() as session:
        assert session.scalars(select(accounts.LoginSession.id)).all() == [live.session_id]
        assert session.scalars(select(func.count()).select_from(accounts.SpentToken)).one() == 0


def test_an_admin_is_created_once() -> None:
    with transaction() as session:
        first = accounts.upsert_admin(session, username="root", email="root@example.org", password_hash=HASH).id
    opened = open_session(first)
    with transaction() as session:
        again = accounts.upsert_admin(session, username="ROOT", email="boss@example.org", password_hash=HASH)
        assert (again.id, again.email) == (first, "boss@example.org")
    with transaction() as session:
        principal = accounts.find_principal(session, first, opened.session_id)
        assert principal is not None
        assert principal.permissions == set(access.PERMISSIONS)


def test_a_promoted_customer_gets_the_new_password() -> None:
    user_id = register("root")
    new_hash = accounts.hash_password("another password")
    with transaction() as session:
        user = accounts.upsert_admin(
            session, username="root", email="r@example.org", password_hash=new_hash, promote=True
        )
        assert user.id == user_id
    with transaction() as session:
        assert accounts.find_credentials(session, "root").password_hash == new_hash
        assert "users:write" in access.permissions_of(session, user_id)


def test_an_admin_cannot_take_another_users_email() -> None:
    register("ada")
    with pytest.raises(Conflict) as refused, transaction() as session:
        accounts.upsert_admin(session, username="root", email="Ada@example.org", password_hash=HASH)
    assert refused.value.code == "email_taken"


def test_an_address_is_copied_for_an_order() -> None:
    user_id, other = register(), register("other")
    with transaction() as session:
        address = accounts.add_address(session, user_id, {"line1": "1 Lane", "city": "York", "country": "GB"})
        kept = accounts.address_as_data(session, user_id, address.id)
        assert kept == {"line1": "1 Lane", "city": "York", "country": "GB"}
        with pytest.raises(NotFound):
            accounts.address_as_data(session, other, address.id)
        with pytest.raises(NotFound):
            accounts.address_as_data(session, user_id, new_id("adr"))


def test_an_unknown_user_is_not_found() -> None:
    with transaction() as session, pytest.raises(NotFound):
        accounts.get(session, new_id("usr"))
