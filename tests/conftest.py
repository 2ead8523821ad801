"""Real servers for all tests: an embedded PostgreSQL with the migrated tables, and an embedded Redis."""

import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import postgres, redis
from tests import log_scan
from tests.faults import stall_times
from tests.processes import LOGS

_servers = ExitStack()
LIMITED = (
    "registrations", "guest_carts", "mails", "mailed_tokens", "imports", "pictures", "shipping_rates", "test_messages",
)  # fmt: skip
OUTSIDE = ("gateway", "carrier", "paypal", "mailbox", "smtp")
UNREACHABLE = {f"{name}_port": 9 for name in OUTSIDE}
"""Tests start sandboxes of their own. At the usual ports may be those of a shop that runs on this machine."""
UNLIMITED = {f"limit_{name}": "1000000/1 minute" for name in LIMITED}
"""All tests have the same address; tests/api/test_limits.py sets limits of its own."""
LONGEST = (
    "faults/test_every_step.py", "workflows/test_state_machine.py", "clients/", "relay/test_webhooks.py",
    "models/test_retention_batches.py", "models/test_migrations.py", "web/browser/", "web/test_crawling.py",
    "api/test_reference.py",
)  # fmt: skip
"""What takes longest of `make test` and `make test-long`: files, and folders of them."""


def pytest_configure(config: pytest.Config) -> None:
    """Starts the servers before any test module is imported, because the import reads the settings.

    Each worker process of pytest-xdist has its own servers; the controller has none. Settings of
    the environment are dropped: they could lead the tests to a real database. The tests' settings are in a data folder,
    so that a test's child processes find them and a test with another folder does not.
    """
    if config.getoption("dist", "no") != "no" and not config.getoption("collectonly"):
        return
    if "settings" in sys.modules:
        raise pytest.UsageError("A conftest.py imports the settings before the servers have started; import it later.")
    for name in [name for name in os.environ if name.startswith("SHOP_")]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise every started program compiles the shop again
    var = Path(_servers.enter_context(tempfile.TemporaryDirectory(prefix="shop-test-")))
    chosen = {
        "database_url": _servers.enter_context(postgres.running()),
        "broker_url": _servers.enter_context(redis.running()),
        "password_cost": 8,
        **UNREACHABLE,
        **UNLIMITED,
    }
    (var / "stack.json").write_text(json.dumps(chosen))
    os.environ["SHOP_VAR"] = str(var)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files that take longest first: each runs in one process, and the last one to begin should be short."""
    here = Path(__file__).parent
    paths = [str(item.path.relative_to(here)) if here in item.path.parents else "" for item in items]
    ranks = {path: next((n for n, name in enumerate(LONGEST) if path.startswith(name)), len(LONGEST)) for path in paths}
    order = sorted(range(len(items)), key=lambda at: ranks[paths[at]])
    items[:] = [items[at] for at in order]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["stall_times"] = stall_times.figures


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist sends its measurements to the controller."""
    stall_times.figures += getattr(node, "workeroutput", {}).get("stall_times", [])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Refuses a way of distribution that would leave out tests: of those with the same id, it runs only one."""
    shared = len(ids) - len(set(ids))
    if shared and node.config.getoption("dist") in ("loadscope", "loadfile", "loadgroup"):
        raise pytest.UsageError(f"{shared} of {len(ids)} tests share their ids; run them with --dist worksteal")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if stall_times.figures:
        terminalreporter.section("how long runs stood still")
        for line in stall_times.table():
            terminalreporter.write_line(line)


def pytest_unconfigure() -> None:
    logging.disable()  # silences threads that lose their server after pytest's report
    _servers.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Fails a test during which a process has logged a password, a hash of one or an address."""
    yield
    if found := log_scan.find_planted(LOGS):
        pytest.fail("A log contains personal data:\n" + "\n".join(found))


@pytest.fixture(scope="session")
def seeds() -> list[tuple[Any, list[dict[str, Any]]]]:
    """Migrates the database; returns the initial rows by table."""
    import workflows  # noqa: F401  what the rules start must be declared
    from models.core.database import transaction
    from models.core.schema import migrate

    migrate()
    with transaction() as session:
        rows = [(table, session.execute(table.select()).mappings().all()) for table in all_tables()]
    return [(table, [dict(row) for row in found]) for table, found in rows if found]


@pytest.fixture
def database(seeds: list[tuple[Any, list[dict[str, Any]]]]) -> Iterator[None]:
    """The database of a new shop, reset after the test."""
    yield
    make_new(seeds)


def make_new(seeds: list[tuple[Any, list[dict[str, Any]]]]) -> None:
    """Resets the database to that of a new shop, and deletes the pictures."""
    from sqlalchemy import text

    from models.core.database import transaction
    from settings import settings

    tables = reversed(all_tables())
    with transaction() as session:
        # A worker may still hold the last test's run, which it reads first; a dispatcher has
        # recorded its sweep before that.
        session.execute(text("LOCK TABLE workflow.dispatcher, workflow.run IN ACCESS EXCLUSIVE MODE"))
        session.execute(text("; ".join(f'DELETE FROM {table.schema}."{table.name}"' for table in tables)))  # noqa: S608
        for table, rows in seeds:
            session.execute(table.insert(), rows)
    if settings.picture_folder is not None:
        shutil.rmtree(settings.picture_folder, ignore_errors=True)  # there are none before the first picture


def all_tables() -> list[Any]:
    """The tables of the shop and the engine, referenced tables first."""
    from durable.tables import metadata
    from models.core.database import Base

    return [*metadata.sorted_tables, *Base.metadata.sorted_tables]


@dataclass(frozen=True)
class Caller:
    """A signed-in user: `caller.get("/v1/me")` and so on send the access token."""

    client: Any
    user_id: str
    session_id: str
    username: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    def get(self, path: str, **options: Any) -> Any:
        return self.open("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self.open("POST", path, **options)

    def put(self, path: str, **options: Any) -> Any:
        return self.open("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Any:
        return self.open("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.open("DELETE", path, **options)

    def open(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
        return self.client.open(path, method=method, headers={**self.headers, **(headers or {})}, **options)


PASSWORD = "correct horse battery"
ADDRESS = {"line1": "12 St James's Square", "city": "London", "country": "GB"}


@pytest.fixture(scope="session")
def app(seeds: Any) -> Any:
    from api.app import create_app
    from tests.conformance import CheckingClient

    app = create_app()
    app.test_client_class = CheckingClient
    return app


@pytest.fixture
def client(app: Any, database: None) -> Any:
    """Flask's test client, not signed in."""
    return app.test_client()


@pytest.fixture
def sign_in(client: Any) -> Callable[..., Caller]:
    """Creates and signs in a customer with further roles: `sign_in("ada", "staff")`. The password is PASSWORD."""
    from models import access, accounts, carts
    from models.core.database import transaction
    from serving.authentication import access_token

    def make(username: str, *roles: str) -> Caller:
        password_hash = accounts.hash_password(PASSWORD)
        with transaction() as session:
            user = accounts.add_customer(
                session, username=username, email=f"{username}@example.org", password_hash=password_hash,
                first_name=username.title(), last_name="Tester", address=ADDRESS,
            )  # fmt: skip
            for role in roles:
                access.grant(session, user.id, role)
            carts.open_cart(session, user.id)
            opened = accounts.open_session(session, user.id, "pytest", "127.0.0.1")
        token = access_token(user.id, opened.session_id)
        return Caller(client, user.id, opened.session_id, username, token, opened.refresh_token)

    return make


@pytest.fixture
def customer(sign_in: Callable[..., Caller]) -> Caller:
    """A signed-in customer."""
    return sign_in("customer")


@pytest.fixture
def staff(sign_in: Callable[..., Caller]) -> Caller:
    """A signed-in user with the roles staff, warehouse and finance."""
    return sign_in("staff", "staff", "warehouse", "finance")
