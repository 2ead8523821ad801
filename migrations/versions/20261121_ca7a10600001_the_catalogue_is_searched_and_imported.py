"""The catalogue is searched by words, its groups change, and files are imported.

A product's words are kept by triggers: those of title (weight A), author (B) and category (C) in `names`, these
and those of the description (D) in `search`. They are compared without case, accents and punctuation, on both sides
by `catalogue.plain`.
`inventory.stock.sellable` is generated, so that the filter by stock has an index, and so that an update that
does not cross zero stays heap-only.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "ca7a10600001"
down_revision = "acc5e5500001"
branch_labels = None
depends_on = None

ON_SALE = sa.text("deleted_at IS NULL")
FUNCTIONS = """
CREATE FUNCTION catalogue.plain(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    btrim(regexp_replace(translate(CASE
        WHEN octet_length(words) = length(words) THEN lower(words)
        ELSE regexp_replace(normalize(lower(words), NFKD), '[\u0300-\u036f]', '', 'g')
    END, '''' || '\u2019', ''), '[^[:alnum:]]+', ' ', 'g'));
-- Words in the singular or plural, of which the last may be just a beginning. NULL where there is none.
-- (To look for the beginnings of several words would read a great part of the index for each.)
CREATE FUNCTION catalogue.wanted(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsquery('simple', string_agg(
        CASE WHEN place = count THEN stem || ':*' ELSE concat('(', word, '|', stem, '|', stem, 's|', stem, 'es)') END,
        ' & ' ORDER BY place
    )) FROM (
        SELECT word, place, count(*) OVER () AS count,
            CASE WHEN length(stemmed) > 2 AND starts_with(word, stemmed) THEN stemmed ELSE word END AS stem
        FROM unnest(string_to_array(catalogue.plain(words), ' ')) WITH ORDINALITY AS asked (word, place),
            LATERAL (SELECT (ts_lexize('english_stem', word))[1] AS stemmed) AS known
        WHERE word <> '' AND place <= 12
    ) AS asked
$$;
-- The shared locks: a group that is being renamed right now is waited for, or its new name would be missed.
CREATE FUNCTION catalogue.product_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.names :=
        setweight(to_tsvector('simple', catalogue.plain(NEW.title)), 'A')
        || setweight(to_tsvector('simple', catalogue.plain(coalesce(
            (SELECT name FROM catalogue.author WHERE id = NEW.author_id FOR SHARE), ''))), 'B')
        || setweight(to_tsvector('simple', catalogue.plain(coalesce(
            (SELECT name FROM catalogue.category WHERE id = NEW.category_id FOR SHARE), ''))), 'C');
    NEW.search := NEW.names || setweight(to_tsvector('simple', catalogue.plain(NEW.description)), 'D');
    RETURN NEW;
END $$;
CREATE TRIGGER product_words BEFORE INSERT OR UPDATE OF title, description, category_id, author_id
    ON catalogue.product FOR EACH ROW EXECUTE FUNCTION catalogue.product_words();
-- What a product shows has changed as well, so it counts as changed.
CREATE FUNCTION catalogue.category_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalogue.product SET category_id = NEW.id, updated_at = clock_timestamp() WHERE category_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER category_renamed AFTER UPDATE OF name ON catalogue.category
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION catalogue.category_renamed();
CREATE FUNCTION catalogue.author_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalogue.product SET author_id = NEW.id, updated_at = clock_timestamp() WHERE author_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER author_renamed AFTER UPDATE OF name ON catalogue.author
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION catalogue.author_renamed();
"""


def upgrade() -> None:
    for table in ("category", "author"):
        changed = sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
        op.add_column(table, changed, schema="catalogue")
    # A product that was deleted does not keep its category from being deleted.
    op.alter_column("product", "category_id", nullable=True, schema="catalogue")
    op.create_check_constraint(
        op.f("ck_product_category"), "product", "category_id IS NOT NULL OR deleted_at IS NOT NULL", schema="catalogue"
    )
    for name in ("names", "search"):
        words = sa.Column(name, postgresql.TSVECTOR(), server_default=sa.text("''::tsvector"), nullable=False)
        op.add_column("product", words, schema="catalogue")
    op.execute(sa.text(FUNCTIONS.replace(":", r"\:")))
    op.execute("UPDATE catalogue.product SET title = title")
    for name in ("names", "search"):
        op.create_index(
            f"ix_product_{name}", "product", [name], schema="catalogue", postgresql_using="gin",
            postgresql_where=ON_SALE, postgresql_with={"gin_pending_list_limit": 256},
        )  # fmt: skip
    op.create_index(
        "ix_product_sku_start", "product", [sa.literal_column("lower(sku)")], schema="catalogue",
        postgresql_where=ON_SALE, postgresql_ops={"lower(sku)": "text_pattern_ops"},
    )  # fmt: skip
    for group in ("category_id", "kind"):
        for order, column in (("title", "title"), ("price", "price_amount")):
            op.create_index(
                f"ix_product_{group.removesuffix('_id')}_{order}", "product", [group, column, "id"],
                schema="catalogue", postgresql_where=ON_SALE,
            )  # fmt: skip
    op.create_index(
        "ix_author_words", "author", [sa.text("to_tsvector('simple', catalogue.plain(name))")], schema="catalogue",
        postgresql_using="gin",
    )  # fmt: skip
    computed = sa.Computed("on_hand > reserved", persisted=True)
    op.add_column("stock", sa.Column("sellable", sa.Boolean(), computed, nullable=False), schema="inventory")
    op.create_index(
        "ix_stock_sellable", "stock", ["product_id", "warehouse_id"], schema="inventory",
        postgresql_where=sa.text("sellable"),
    )  # fmt: skip
    _imports()


def _imports() -> None:
    op.create_table(
        "import",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import")),
        schema="catalogue",
    )
    op.create_index(
        "ix_import_under_way", "import", ["sha256"], schema="catalogue",
        postgresql_where=sa.text("finished_at IS NULL"),
    )  # fmt: skip
    parent = ["catalogue.import.id"]
    op.create_table(
        "import_chunk",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], parent, name=op.f("fk_import_chunk_import_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_chunk")),
        schema="catalogue",
    )
    # Read once and deleted: not worth compressing.
    op.execute("ALTER TABLE catalogue.import_chunk ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_table(
        "import_refusal",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], parent, name=op.f("fk_import_refusal_import_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_import_refusal")),
        schema="catalogue",
    )


def downgrade() -> None:
    for table in ("import_refusal", "import_chunk", "import"):
        op.drop_table(table, schema="catalogue")
    op.drop_index("ix_stock_sellable", table_name="stock", schema="inventory")
    op.drop_column("stock", "sellable", schema="inventory")
    op.drop_index("ix_author_words", table_name="author", schema="catalogue")
    for name in ("names", "search", "sku_start", "category_title", "category_price", "kind_title", "kind_price"):
        op.drop_index(f"ix_product_{name}", table_name="product", schema="catalogue")
    for trigger, table in (
        ("product_words", "product"), ("category_renamed", "category"), ("author_renamed", "author"),
    ):  # fmt: skip
        op.execute(f"DROP TRIGGER {trigger} ON catalogue.{table}; DROP FUNCTION catalogue.{trigger}()")
    op.execute("DROP FUNCTION catalogue.wanted(text); DROP FUNCTION catalogue.plain(text)")
    for name in ("names", "search"):
        op.drop_column("product", name, schema="catalogue")
    op.drop_constraint("ck_product_category", "product", schema="catalogue")
    op.execute("DELETE FROM catalogue.product WHERE category_id IS NULL")
    op.alter_column("product", "category_id", nullable=False, schema="catalogue")
    for table in ("category", "author"):
        op.drop_column(table, "updated_at", schema="catalogue")
