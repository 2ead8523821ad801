"""Names of the trade for a table and for steps; runs that are under way carry on under the new names.

The step `carts.clear` removes from the cart what was ordered, while `models.carts.clear` empties it: two names.
"""

import sqlalchemy as sa
from alembic import op

revision = "7e23a5000001"
down_revision = "0a7d0e7c0001"
branch_labels = None
depends_on = None

STEPS = {
    "carts.clear": "carts.remove_ordered",
    "carts.forget_user": "carts.erase_user",
    "accounts.forget_answers": "accounts.erase_answers",
    "notifications.forget_user": "notifications.erase_user",
    "orders.forget_user": "orders.erase_user",
}


def upgrade() -> None:
    op.rename_table("guess", "login_throttle", schema="accounts")
    op.execute("ALTER INDEX accounts.pk_guess RENAME TO pk_login_throttle")
    _rename(STEPS)
    _rename_rule("guess", "login_throttle")


def downgrade() -> None:
    _rename_rule("login_throttle", "guess")
    _rename({new: old for old, new in STEPS.items()})
    op.execute("ALTER INDEX accounts.pk_login_throttle RENAME TO pk_guess")
    op.rename_table("login_throttle", "guess", schema="accounts")


def _rename(steps: dict[str, str]) -> None:
    for old, new in steps.items():
        for statement in (
            "UPDATE workflow.step SET name = :new WHERE name = :old",
            "UPDATE workflow.attempt SET step = :new WHERE step = :old",
        ):
            op.execute(sa.text(statement).bindparams(old=old, new=new))


def _rename_rule(old: str, new: str) -> None:
    """Where a live `clean_up` continues: its input names the rule that it has come to."""
    op.execute(
        sa.text("""
            UPDATE workflow.run SET input = jsonb_set(input, '{place,rule}', to_jsonb(CAST(:new AS text)))
            WHERE workflow = 'clean_up' AND input #>> '{place,rule}' = :old
        """).bindparams(old=old, new=new)
    )
