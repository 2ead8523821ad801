"""Servers, tables and workers for the engine's tests, which are independent of the surrounding project.

`DURABLE_TEST_DATABASE_URL` and `DURABLE_TEST_BROKER_URL` name a PostgreSQL and a Redis for them, both empty; without
these, the tests start the embedded servers of `local`, their only dependency on the project.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

_exits = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Runs before any test module is imported, because the import configures the engine.

    Each worker process of pytest-xdist has its own servers; the controller has none.
    """
    if config.getoption("dist", "no") != "no" and not config.getoption("collectonly"):
        return
    from durable.tests.outside import FOLDER

    os.environ[FOLDER] = _exits.enter_context(tempfile.TemporaryDirectory(prefix="durable-test-"))
    if "DURABLE_TEST_DATABASE_URL" not in os.environ:
        from local import postgres

        os.environ["DURABLE_TEST_DATABASE_URL"] = _exits.enter_context(postgres.running())
    if "DURABLE_TEST_BROKER_URL" not in os.environ:
        from local import redis

        os.environ["DURABLE_TEST_BROKER_URL"] = _exits.enter_context(redis.running())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not all(item.path.is_relative_to(Path(__file__).parent) for item in items):
        raise pytest.UsageError("the engine is configured once in a process: run durable/tests in a pytest of its own")


def pytest_unconfigure() -> None:
    _exits.close()


@pytest.fixture(scope="session")
def tables() -> None:
    from sqlalchemy import text

    from durable.tables import metadata
    from durable.tests.app import engine

    with engine().begin() as connection:
        for schema in ("workflow", "bank"):
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS bank.account (id text PRIMARY KEY, balance bigint NOT NULL)")
        )
        metadata.create_all(connection)


@pytest.fixture(autouse=True)
def fresh(tables: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Resets tables, messages, the outside and the declared workflows after each test.

    To what a test performs in this process, no step is slow, however slow the machine is.
    """
    from sqlalchemy import text

    from durable import breaker, config, publishing, worker, workflow
    from durable.tables import metadata
    from durable.tests import outside, workflows  # noqa: F401  so that they are declared
    from durable.tests.app import engine
    from durable.tests.driving import lose_messages

    declared, configuration = {name: dict(versions) for name, versions in workflow._WORKFLOWS.items()}, config._current
    for name in ("SLOW", "SHARED"):
        monkeypatch.setattr(worker, name, 3600.0)
    yield
    workflow._WORKFLOWS.clear()
    workflow._WORKFLOWS.update(declared)
    config._current = configuration
    breaker._breakers.clear()
    breaker._storages.clear()
    publishing._silent_until = 0.0
    with engine().begin() as connection:
        # A worker may still hold the last test's run; like this lock, it locks the run first.
        connection.execute(text("LOCK TABLE workflow.run IN EXCLUSIVE MODE"))
        for table in ("bank.account", *(f"workflow.{table.name}" for table in reversed(metadata.sorted_tables))):
            connection.execute(text(f"DELETE FROM {table}"))
    lose_messages()
    outside.clear()


@pytest.fixture
def session() -> Iterator[Any]:
    """A session whose transaction is rolled back after the test."""
    from sqlalchemy.orm import Session

    from durable.tests.app import engine

    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session
        session.rollback()


@pytest.fixture
def crash_file(tmp_path: Path) -> Path:
    """Arms crash points: `crash_file.write_text("before-commit@odd.poison always\\n")`."""
    return tmp_path / "crash"


@pytest.fixture
def work(tmp_path: Path, crash_file: Path) -> Iterator[Callable[..., Any]]:
    """Starts a worker until the end of the test: `work(concurrency=4)`, for all queues unless some are named."""
    from durable.testing import worker
    from durable.tests.app import QUEUES

    with ExitStack() as exits:

        def begin(*queues: str, concurrency: int = 1, **environment: str) -> Any:
            log = tmp_path / f"worker-{len(list(tmp_path.glob('worker-*')))}.log"
            environment = {"DURABLE_CRASH_FILE": str(crash_file), **environment}
            made = worker("durable.tests.app", *(queues or QUEUES), concurrency=concurrency, log=log, **environment)
            return exits.enter_context(made)

        yield begin


@pytest.fixture
def accounts() -> Callable[..., dict[str, int]]:
    """`accounts(ada=100, bob=0)` opens accounts; `accounts()` returns all balances."""
    from sqlalchemy import text

    from durable.database import transaction

    def balances(**opened: int) -> dict[str, int]:
        with transaction() as session:
            for name, balance in opened.items():
                session.execute(
                    text("INSERT INTO bank.account VALUES (:id, :balance)"), {"id": name, "balance": balance}
                )
            return dict(session.execute(text("SELECT id, balance FROM bank.account")).all())

    return balances
