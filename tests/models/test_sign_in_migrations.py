"""The migrations of how users sign in, of a database with data."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from tests.models.test_migrations import add_user, alembic, database

__all__ = ["database"]

SESSION = """INSERT INTO accounts.session (id, user_id, refresh_hash, expires_at)
    SELECT id, id, username, now() FROM accounts.user"""

PERSON = """INSERT INTO accounts.user (id, username, username_key, username_skeleton, email, email_key,
        password_hash, first_name, last_name, last_name_key)
    SELECT gen_random_uuid(), n, n, n, n, n, '', '', '', '' FROM unnest(ARRAY['ada', 'ida']) AS n"""


def test_sessions_of_before_were_opened_with_a_password(database: str) -> None:
    alembic(database, "upgrade", "5e0d00000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        add_user(connection, "ada", 0)
        connection.execute(text(SESSION))
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        assert connection.scalars(text("SELECT method FROM accounts.session")).all() == ["password"]
        for columns, values in (("second_factor (user_id, secret)", "id, 'x'"),
                                ("recovery_code (user_id, code_hash)", "id, 'x'")):  # fmt: skip
            connection.execute(text(f"INSERT INTO accounts.{columns} SELECT {values} FROM accounts.user"))  # noqa: S608
    with engine.begin() as connection, pytest.raises(IntegrityError):
        connection.execute(text("UPDATE accounts.session SET method = 'magic'"))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM accounts.user"))
        assert connection.scalars(text("SELECT count(*) FROM accounts.recovery_code")).one() == 0
    for target in ("5e0d00000001", "head"):
        alembic(database, "downgrade" if target != "head" else "upgrade", target)
    engine.dispose()


def test_the_first_sign_in_after_the_upgrade_is_from_a_new_device(database: str) -> None:
    alembic(database, "upgrade", "135000000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(PERSON))
        connection.execute(text(f"{SESSION} WHERE username = 'ada'"))
    alembic(database, "upgrade", "135000000002")
    known = text("SELECT username, fingerprint FROM accounts.known_device JOIN accounts.user ON user_id = id")
    with engine.begin() as connection:
        assert connection.execute(known).all() == [("ada", "before the upgrade")]
        assert connection.scalars(text("SELECT device FROM accounts.session")).all() == [None]
    for target in ("135000000001", "135000000002"):
        alembic(database, "downgrade" if target.endswith("1") else "upgrade", target)
    engine.dispose()


def test_sessions_of_passkeys_lose_their_method_without_passkeys(database: str) -> None:
    alembic(database, "upgrade", "135000000003")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(PERSON))
        connection.execute(text(SESSION))
        connection.execute(text("UPDATE accounts.session SET method = 'passkey'"))
        connection.execute(
            text("""INSERT INTO accounts.passkey 
                (id, user_id, name, credential_id, public_key, sign_count, aaguid, synced)
            SELECT id, id, 'Telephone', 'c', 'k', 0, '', false FROM accounts.user WHERE username = 'ada'""")
        )
    alembic(database, "downgrade", "135000000002")
    with engine.begin() as connection:
        assert connection.scalars(text("SELECT DISTINCT method FROM accounts.session")).all() == ["password"]
    alembic(database, "upgrade", "135000000003")
    engine.dispose()


def test_users_who_were_there_before_count_as_confirmed(database: str) -> None:
    alembic(database, "upgrade", "13f000000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(PERSON))
        connection.execute(
            text("""INSERT INTO accounts.password_reset (id, user_id, token_hash, expires_at)
            SELECT id, id, username, now() FROM accounts.user""")
        )
        connection.execute(
            text("""INSERT INTO accounts.email_change (id, user_id, email, token_hash, expires_at)
            SELECT id, id, email, username, now() FROM accounts.user""")
        )
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        confirmed = text("SELECT email_confirmed_at = created_at FROM accounts.user")
        assert connection.scalars(confirmed).all() == [True, True]
        assert connection.scalars(text("SELECT email FROM accounts.password_reset")).all() == [None, None]
        connection.execute(
            text("""INSERT INTO accounts.email_confirmation (id, user_id, email, token_hash, expires_at)
            SELECT id, id, email, username, now() FROM accounts.user""")
        )
        assert connection.scalars(text("SELECT email_key FROM accounts.email_change")).all() == [None, None]
        connection.execute(
            text("""INSERT INTO accounts.pending_email (user_id, email, run_id, token_hash, expires_at)
            SELECT id, email, id, username, now() FROM accounts.user""")
        )
        connection.execute(text("DELETE FROM accounts.user"))
        for table in ("email_confirmation", "pending_email"):
            assert connection.scalars(text(f"SELECT count(*) FROM accounts.{table}")).one() == 0  # noqa: S608
    alembic(database, "downgrade", "13f000000001")
    alembic(database, "upgrade", "head")
    engine.dispose()
