"""What Alembic runs: compares the tables in models/ with the database, and brings the database up to them."""

import importlib
import pkgutil
from typing import Any

from alembic import context
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.schema import CreateSchema

import models
from durable.ids import Id
from durable.tables import metadata as durable_metadata
from models.core.database import CONNECTION, SCHEMAS, Base
from settings import settings

LOCK = 0x53484F50  # "SHOP", the advisory lock under which one migration at a time runs


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    return name in SCHEMAS if kind == "schema" else True


def render_item(kind: str, item: Any, autogen_context: Any) -> Any:
    """A migration must not change when our own types do: it names the type that the database sees."""
    return "sa.Uuid()" if kind == "type" and isinstance(item, Id) else False


def run() -> None:
    """Runs the migrations in one transaction, under a lock on which a second migration waits."""
    for module in pkgutil.walk_packages(models.__path__, "models."):
        importlib.import_module(module.name)
    engine = create_engine(settings.database, poolclass=NullPool, connect_args=CONNECTION, hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        for schema in SCHEMAS:
            connection.execute(CreateSchema(schema, if_not_exists=True))
        context.configure(
            connection=connection,
            target_metadata=[durable_metadata, Base.metadata],
            include_schemas=True,
            include_name=include_name,
            render_item=render_item,
            version_table_schema="workflow",
        )
        with context.begin_transaction():
            context.run_migrations()


run()
