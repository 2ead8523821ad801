"""Carts of guests, what was seen of a cart at the last look, and when its holder was reminded of it."""

import sqlalchemy as sa
from alembic import op

revision = "ca4700000001"
down_revision = "5eed00000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cart", sa.Column("token_hash", sa.String(length=64), nullable=True), schema="carts")
    op.add_column("cart", sa.Column("reminded_of", sa.DateTime(timezone=True), nullable=True), schema="carts")
    op.alter_column("cart", "user_id", existing_type=sa.Uuid(), nullable=True, schema="carts")
    op.create_unique_constraint(op.f("uq_cart_token_hash"), "cart", ["token_hash"], schema="carts")
    op.create_check_constraint(op.f("ck_cart_holder"), "cart", "num_nonnulls(user_id, token_hash) = 1", schema="carts")
    op.create_index("ix_cart_updated_at", "cart", ["updated_at"], schema="carts")
    op.add_column("item", sa.Column("seen_price", sa.BigInteger(), nullable=True), schema="carts")
    op.add_column("item", sa.Column("seen_available", sa.Integer(), nullable=True), schema="carts")


def downgrade() -> None:
    op.drop_column("item", "seen_available", schema="carts")
    op.drop_column("item", "seen_price", schema="carts")
    op.drop_index("ix_cart_updated_at", table_name="cart", schema="carts")
    op.execute("DELETE FROM carts.cart WHERE user_id IS NULL")
    op.drop_constraint(op.f("ck_cart_holder"), "cart", schema="carts")
    op.drop_constraint(op.f("uq_cart_token_hash"), "cart", schema="carts")
    op.alter_column("cart", "user_id", existing_type=sa.Uuid(), nullable=False, schema="carts")
    op.drop_column("cart", "reminded_of", schema="carts")
    op.drop_column("cart", "token_hash", schema="carts")
