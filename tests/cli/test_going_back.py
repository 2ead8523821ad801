"""`shop migrate --to`: an older release's schema, for a database in which a shop has worked."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from local import backups
from models.core import schema
from settings import settings
from tests.processes import Process
from tests.serving import serving
from tests.shop import Shop
from tests.telemetry.checking_out import check_out

OLDEST = "5eed00000001"
"""What a new shop had in the first release: everything later is taken back."""
BEFORE_PARTIAL_REFUNDS = "9a7e00000001"
COUNTS = text("""
    SELECT (SELECT count(*) FROM accounts."user"), (SELECT count(*) FROM orders."order" WHERE status = 'confirmed'),
        (SELECT count(*) FROM payments.payment WHERE status = 'authorised'),
        (SELECT sum(quantity) FROM inventory.reservation), (SELECT count(*) FROM catalogue.product),
        (SELECT count(*) FROM workflow.run WHERE status = 'succeeded' AND workflow = 'checkout')
""")


@pytest.fixture
def worked_in(database: None, customer: Any, tmp_path: Path) -> Iterator[str]:
    """The URL of a copy of a shop's database, in which a customer has placed an order."""
    with ExitStack() as exits:
        shop = Shop(tmp_path, exits)
        shop.worker()
        shop.dispatcher()
        api = exits.enter_context(serving(tmp_path, **shop.environment))
        assert check_out(api, customer)["status"] == "succeeded"
    name = f"copy_{uuid4().hex}"
    admin = create_engine(settings.database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(settings.database).set(database=name).render_as_string(hide_password=False)
    backups.back_up(settings.database, tmp_path / "dump")
    backups.restore(url, tmp_path / "dump")
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def ask(url: str, statement: Any) -> Any:
    engine = create_engine(url)
    with engine.begin() as connection:
        found = connection.execute(statement)
        row = found.one() if found.returns_rows else None
    engine.dispose()
    return row


def shop(url: str, folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of the command on this database."""
    log = folder / f"{uuid4().hex}.log"
    environment = {**os.environ, "SHOP_DATABASE_URL": url.replace("+psycopg", "")}
    command = Process("shop", *arguments, environment=environment, log=log)
    return command.wait(100), log.read_text()


def test_going_back_and_forth_keeps_what_the_older_schema_knows(worked_in: str, tmp_path: Path) -> None:
    before = ask(worked_in, COUNTS)
    assert all(before), before
    status, output = shop(worked_in, tmp_path, "migrate", "--to", OLDEST, "--yes")
    assert (status, output) == (0, f"The database schema is at revision {OLDEST}.\n")
    assert ask(worked_in, text("SELECT version_num FROM workflow.alembic_version"))[0] == OLDEST
    assert ask(worked_in, COUNTS) == before
    status, output = shop(worked_in, tmp_path, "migrate")
    assert (status, output) == (0, "The database schema is up to date.\n"), output[-3000:]
    assert ask(worked_in, COUNTS) == before
    status, output = shop(worked_in, tmp_path, "audit")
    assert status in (0, 3), output  # 3: without the gateway, which has ended


def test_what_the_older_schema_does_not_allow_is_refused_in_a_sentence(worked_in: str, tmp_path: Path) -> None:
    ask(worked_in, text("UPDATE payments.payment SET status = 'partially_refunded', captured = amount, refunded = 1"))
    status, output = shop(worked_in, tmp_path, "migrate", "--to", BEFORE_PARTIAL_REFUNDS, "--yes")
    assert status == 1
    assert output.startswith(f"Error: The schema of revision {BEFORE_PARTIAL_REFUNDS} does not allow")
    assert 'check constraint "ck_payment_status"' in output
    assert "Traceback" not in output
    assert ask(worked_in, text("SELECT version_num FROM workflow.alembic_version"))[0] == schema.newest_revision()
