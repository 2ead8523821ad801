"""Many readiness checks at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from monitoring import health
from workflows.app import app


@pytest.mark.timeout(60)
def test_many_checks_at_once_leave_connections_to_those_that_publish(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int] = []
    check = health._check

    def counted() -> dict[str, str | None]:
        checked.append(1)
        return check()

    monkeypatch.setattr(health, "_check", counted)
    monkeypatch.setattr(health, "_cached", (float("-inf"), {}))
    count = 3 * (app.pool.limit or 10)
    with ThreadPoolExecutor(count) as threads:
        answers = list(threads.map(lambda _: health.ready(), range(count)))
        again = list(threads.map(lambda _: health.ready(), range(count)))
    assert all(answer["workers"] for answer in answers + again), "no worker runs in this test"
    assert 2 <= len(checked) < count, "the second round is checked again, because something is wrong"
    with app.pool.acquire(block=True, timeout=1) as free:  # raises LimitExceeded if none is
        assert free


def test_an_old_answer_is_not_given_while_another_thread_checks(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_cached", (0.0, {"workers": "an old fault"}))
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: health.ready(), range(4)))
    assert all(answer["workers"] != "an old fault" for answer in answers)
