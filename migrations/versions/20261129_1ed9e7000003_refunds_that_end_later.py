"""Refunds end later, payments are disputed, and statuses of payments have the words of the REST contract.

A payment that was declined has the status `failed`; its transaction stays `declined`. The new CHECK constraints read
`payments.payment` and `payments.transaction` once, with the table locked.

Downgrade: fails while there is a dispute, or a payment that requires an action.
"""

import sqlalchemy as sa
from alembic import op

revision = "1ed9e7000003"
down_revision = "ca9ce1000001"
branch_labels = None
depends_on = None

STATUSES = (
    "action_required", "authorised", "captured", "disputed", "failed", "partially_captured", "partially_refunded",
    "pending", "refunded", "voided",
)  # fmt: skip
OLD_STATUSES = (
    "authorised", "captured", "declined", "partially_captured", "partially_refunded", "pending", "refunded", "voided",
)  # fmt: skip
OLD_KINDS = ("authorise", "capture", "refund", "void")
OLD_OUTCOMES = ("declined", "failed", "pending", "succeeded")
KINDS = (*OLD_KINDS, "dispute")
OUTCOMES = (*OLD_OUTCOMES, "inquiry", "lost", "needs_response", "under_review", "won")


def upgrade() -> None:
    change(("declined", "failed"), STATUSES, KINDS, OUTCOMES)
    op.create_index(
        "uq_transaction_dispute", "transaction", ["payment_id", "reference"], unique=True, schema="payments",
        postgresql_where=sa.text("kind = 'dispute'"),
    )  # fmt: skip
    op.create_index(
        "ix_transaction_pending", "transaction", ["created_at"], schema="payments",
        postgresql_where=sa.text("status = 'pending'"),
    )  # fmt: skip


def downgrade() -> None:
    for name in ("ix_transaction_pending", "uq_transaction_dispute"):
        op.drop_index(name, "transaction", schema="payments")
    change(("failed", "declined"), OLD_STATUSES, OLD_KINDS, OLD_OUTCOMES)


def change(
    renamed: tuple[str, str], statuses: tuple[str, ...], kinds: tuple[str, ...], outcomes: tuple[str, ...]
) -> None:
    """Renames a status of payments, and replaces the CHECK constraints."""
    checks = (("payment", "status", statuses), ("transaction", "kind", kinds), ("transaction", "status", outcomes))
    for table, column, _ in checks:
        op.drop_constraint(op.f(f"ck_{table}_{column}"), table, schema="payments", type_="check")
    op.execute(
        sa.text("UPDATE payments.payment SET status = :new WHERE status = :old").bindparams(
            old=renamed[0], new=renamed[1]
        )
    )
    for table, column, values in checks:
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN {values}", schema="payments")
