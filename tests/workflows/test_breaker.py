"""The breaker of a service is one for all processes: they share its state through PostgreSQL."""

from collections.abc import Iterator

import pytest

import workflows  # noqa: F401  which configures the engine
from durable import Unavailable, breaker, config
from models.database import single_statements

QUEUE = "notifications"


def _unanswered() -> None:
    raise Unavailable("no answer")


def _another_process() -> None:
    """As a process that has read nothing yet."""
    breaker._breakers.clear()
    breaker._storages.clear()


@pytest.fixture(autouse=True)
def fresh(database: None) -> Iterator[None]:
    _another_process()
    yield
    _another_process()


def _fail(times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable):
            breaker.call(QUEUE, _unanswered)


def test_calls_that_are_not_answered_open_it_for_every_process() -> None:
    _fail(config.options().breaker_failures)
    _another_process()
    assert not breaker.is_closed(QUEUE)
    assert breaker.pause(QUEUE)
    assert not breaker.may_call(QUEUE)
    with single_statements() as connection:
        assert breaker.open_breakers(connection) == {QUEUE: "no answer"}


def test_a_call_that_is_answered_in_between_keeps_it_closed() -> None:
    _fail(config.options().breaker_failures - 1)
    assert breaker.call(QUEUE, lambda: "an answer") == "an answer"
    _fail(config.options().breaker_failures - 1)
    _another_process()
    assert breaker.is_closed(QUEUE)
