"""The circuit breaker of a service across several processes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

import workflows  # noqa: F401  the engine is configured there
from durable import Unavailable, breaker, config
from durable.tables import BreakerRecord
from models.core.database import single_statements, transaction


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


def other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulates a new process."""
    monkeypatch.setattr(breaker, "_breakers", {})
    monkeypatch.setattr(breaker, "_storages", {})


def silent(*_: Any) -> None:
    raise Unavailable("no answer")


def fails(queue: str = "payments", call: Callable[..., Any] = silent) -> None:
    with pytest.raises(Unavailable):
        breaker.call(queue, call)


def opened(monkeypatch: pytest.MonkeyPatch, seconds_ago: float = 0.0) -> None:
    """A breaker opened this long ago, as seen by another process."""
    other_process(monkeypatch)
    for _ in range(config.options().breaker_failures):
        fails()
    age(seconds_ago)
    other_process(monkeypatch)


def age(seconds: float) -> None:
    with transaction() as session:
        before = BreakerRecord.opened_at - timedelta(seconds=seconds)
        session.execute(update(BreakerRecord).values(opened_at=before))


def test_an_open_breaker_is_seen_by_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch)
    assert not breaker.is_closed("payments")
    assert not breaker.may_call("payments")
    assert 0 < (breaker.pause("payments") or 0) <= config.options().breaker_pause
    with single_statements() as connection:
        assert breaker.open_breakers(connection) == {"payments": "no answer"}
    assert breaker.may_call("notifications")


def test_one_process_makes_the_trial_call_after_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch, config.options().breaker_pause)
    assert breaker.pause("payments") is None
    assert breaker.may_call("payments")
    age(2 * config.options().breaker_pause)  # the trial is still running
    other_process(monkeypatch)
    assert not breaker.may_call("payments")
    assert 0 < (breaker.pause("payments") or 0) <= config.options().breaker_pause
    age(breaker.TRIAL)  # the process of the trial has died
    other_process(monkeypatch)
    assert breaker.may_call("payments")


def test_a_successful_trial_closes_the_breaker_for_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch, config.options().breaker_pause)
    assert breaker.may_call("payments")
    assert breaker.call("payments", lambda: "yes") == "yes"
    other_process(monkeypatch)
    assert breaker.is_closed("payments")
    with single_statements() as connection:
        assert breaker.open_breakers(connection) == {}


def test_a_failed_trial_opens_the_breaker_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch, config.options().breaker_pause)
    assert breaker.may_call("payments")
    fails()
    other_process(monkeypatch)
    assert not breaker.may_call("payments")


def test_a_success_between_failures_keeps_the_breaker_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    other_process(monkeypatch)
    for _ in range(2):
        for _ in range(config.options().breaker_failures - 1):
            fails()
        assert breaker.call("payments", lambda: "an answer") == "an answer"
    other_process(monkeypatch)
    assert breaker.is_closed("payments")
