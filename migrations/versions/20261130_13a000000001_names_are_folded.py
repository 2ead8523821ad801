"""Users are found by folded names, and suppressed addresses by folded addresses."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from models.core.folding import fold, fold_exactly, skeleton

revision = "13a000000001"
down_revision = "13e000000001"
branch_labels = None
depends_on = None

BATCH = 1000
KEYS = {"username_key": "username", "username_skeleton": "username", "email_key": "email", "last_name_key": "last_name"}
READ = sa.text("SELECT id, username, email, last_name FROM accounts.user WHERE id > :after ORDER BY id LIMIT :batch")
WRITE = sa.text(f"UPDATE accounts.user SET {', '.join(f'{key} = :{key}' for key in KEYS)} WHERE id = :id")  # noqa: S608
LATER = """SELECT id, name FROM (
    SELECT id, {name} AS name, row_number() OVER (PARTITION BY {key} ORDER BY created_at, id) AS place
    FROM accounts.user
) AS numbered WHERE place > 1"""


def upgrade() -> None:
    for key in KEYS:
        op.add_column("user", sa.Column(key, sa.String()), schema="accounts")
    for batch in _users():
        op.get_bind().execute(WRITE, [_keys(row) for row in batch])
    for key, what in (("username_key", "username"), ("email_key", "e-mail address")):
        _keep_both(key, what)
    _keep_both("username_skeleton", None)
    for name in ("uq_user_username", "uq_user_email"):
        op.drop_index(name, "user", schema="accounts")
    for name in ("username", "email", "last_name"):
        op.drop_index(f"ix_user_{name}_prefix", "user", schema="accounts")
    for key in KEYS:
        op.alter_column("user", key, nullable=False, schema="accounts")
    for key, is_unique in (("username_key", True), ("email_key", True), ("last_name_key", False)):
        by_prefix = [sa.text(f"{key} text_pattern_ops")]
        name = f"{'uq' if is_unique else 'ix'}_user_{key}"
        op.create_index(name, "user", by_prefix, unique=is_unique, schema="accounts")
    op.create_index("uq_user_username_skeleton", "user", ["username_skeleton"], unique=True, schema="accounts")
    _fold_suppressions()


def _users() -> Iterator[Any]:
    after = "00000000-0000-0000-0000-000000000000"
    while batch := op.get_bind().execute(READ, {"after": after, "batch": BATCH}).all():
        yield batch
        after = batch[-1].id


def _keys(row: Any) -> dict[str, Any]:
    by_key = {key: fold(getattr(row, name)) for key, name in KEYS.items()}
    return {"id": row.id, **by_key, "username_skeleton": skeleton(row.username)}


def _keep_both(key: str, what: str | None) -> None:
    """Of users whose names fold alike, the oldest keeps the key; the others are found by their exact spelling only."""
    query = sa.text(LATER.format(key=key, name=KEYS[key]))
    for row in op.get_bind().execute(query).all():
        exact = f"{skeleton(row.name)}\n{row.name}" if what is None else fold_exactly(row.name)
        op.get_bind().execute(
            sa.text(f"UPDATE accounts.user SET {key} = :exact WHERE id = :id"),  # noqa: S608, a constant
            {"exact": exact, "id": row.id},
        )
        if what is not None:
            said = f"usr_{row.id.hex} has the {what} of an older account, spelled differently"
            context.config.print_stdout(said)


def _fold_suppressions() -> None:
    connection = op.get_bind()
    for address in connection.scalars(sa.text("SELECT address FROM notifications.suppression")).all():
        known = {"address": address, "key": fold(address)[:254]}
        if known["key"] != address:
            connection.execute(
                sa.text("""INSERT INTO notifications.suppression (address, source, reason, created_at)
                SELECT :key, source, reason, created_at FROM notifications.suppression WHERE address = :address
                ON CONFLICT DO NOTHING"""), known,
            )  # fmt: skip
            connection.execute(sa.text("DELETE FROM notifications.suppression WHERE address = :address"), known)


def downgrade() -> None:
    for name in ("uq_user_username_key", "uq_user_email_key", "ix_user_last_name_key", "uq_user_username_skeleton"):
        op.drop_index(name, "user", schema="accounts")
    for key in KEYS:
        op.drop_column("user", key, schema="accounts")
    for name in ("username", "email"):
        by_name = [sa.text(f"lower({name})")]
        op.create_index(f"uq_user_{name}", "user", by_name, unique=True, schema="accounts")
    for name in ("username", "email", "last_name"):
        by_prefix = [sa.text(f"lower({name}) text_pattern_ops")]
        op.create_index(f"ix_user_{name}_prefix", "user", by_prefix, schema="accounts")
