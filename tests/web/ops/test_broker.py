"""A broker that takes connections and does not answer, as one that hangs or whose network is lost."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from kombu import Connection

from local.waiting import wait_until
from models.core.database import transaction
from monitoring import overview
from tests.web.conftest import Browser


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[overview.QueueReader]:
    """The reader of queues, whose broker is silent for longer than the database waits for a transaction."""
    reader = overview.QueueReader()
    with socket.create_server(("127.0.0.1", 0)) as server:
        patience = {"socket_timeout": 6, "socket_connect_timeout": 2, "max_retries": 0}
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        reader._queues.connection = Connection(url, transport_options=patience)
        monkeypatch.setattr(overview, "_reader", reader)
        yield reader
        reader._queues.close()


def test_the_console_says_that_the_broker_does_not_answer(
    signed_in: Callable[..., Browser], silent: overview.QueueReader
) -> None:
    operator = signed_in("operator", "admin")
    page = operator.get("/ops/")
    assert page.status_code == 200, page.text
    assert page.text.count("The broker does not answer") == 2
    kept = silent.ask()
    assert kept.fault
    assert operator.get("/ops/queues").status_code == 200
    assert silent.ask() is kept, "it is not asked by each request"


def test_who_has_asked_before_the_broker_hangs_does_not_wait(database: None, silent: overview.QueueReader) -> None:
    """The database ends a transaction that waits."""
    with ThreadPoolExecutor() as threads, transaction() as session:
        asking = threads.submit(silent.ask)
        assert wait_until(silent._asking.locked, 20)
        silent.read(session, overview.Lengths({}, None, 0.0))
        assert not asking.done()
