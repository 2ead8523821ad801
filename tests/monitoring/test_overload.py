"""The expected wait in a queue, from the rate at which it is served."""

from itertools import pairwise

import pytest

from monitoring.overload import MAX_UNKNOWN_BACKLOG, MIN_DURATION, WINDOW, Gauge

LIMIT = 60.0


def gauge(*samples: tuple[float, int, int]) -> Gauge:
    """A gauge with these samples: time, queued messages, messages served in total."""
    made = Gauge(LIMIT)
    for look in samples:
        made.add_sample(*look)
    return made


def busy(seconds: int, rate: int, length: int = 100) -> list[tuple[float, int, int]]:
    return [(float(second), length, rate * second) for second in range(seconds)]


def test_an_empty_queue_has_no_wait() -> None:
    assert gauge(*[(second, 0, 5 * second) for second in range(20)]).wait() == 0


def test_the_wait_is_the_length_divided_by_the_rate() -> None:
    assert gauge(*busy(20, rate=5, length=200)).wait() == pytest.approx(40)


def test_the_rate_covers_only_the_last_window() -> None:
    slower = [(20.0 + second, 200, 1000 + 2 * second) for second in range(int(WINDOW) + 2)]
    assert gauge(*busy(20, rate=50), *slower).rate == pytest.approx(2)


def test_idle_time_does_not_lower_the_rate() -> None:
    """One order every ten seconds, then 200 at once."""
    quiet = [(second, 0, second // 10) for second in range(100)]
    assert gauge(*quiet, (100, 200, 10), (101, 190, 20), (102, 180, 30)).wait() < LIMIT


def test_a_rate_requires_a_minimum_duration() -> None:
    """Workers record the served messages once a second; between two records the rate seems to be zero."""
    assert gauge((0, 500, 0), (1, 500, 1)).wait() < LIMIT
    assert gauge((0, 500, 0), (MIN_DURATION, 500, 3)).wait() == pytest.approx(500)


def test_an_unknown_rate_allows_a_bounded_backlog() -> None:
    dead = [(second, MAX_UNKNOWN_BACKLOG, 0) for second in range(600)]
    assert gauge(*dead).wait() == pytest.approx(LIMIT)
    assert gauge(*dead, (600, MAX_UNKNOWN_BACKLOG + 1, 0)).wait() > LIMIT
    assert gauge(*dead).is_stalled


def test_a_stalled_queue_keeps_its_last_rate() -> None:
    away = [(20.0 + second, 299, 95) for second in range(600)]
    stalled = gauge(*busy(20, rate=5), *away)
    assert stalled.is_stalled
    assert stalled.wait() < LIMIT
    assert gauge(*busy(20, rate=5), *away, (620.0, 301, 95)).wait() > LIMIT


def test_a_stall_does_not_lower_the_rate_afterwards() -> None:
    away = [(20.0 + second, 150, 95) for second in range(60)]
    back = [(80.0 + second, 150, 95 + 5 * (second + 1)) for second in range(5)]
    came_back = [gauge(*busy(20, rate=5), *away, *back[:seen]) for seen in range(1, 6)]
    assert [each.is_stalled for each in came_back] == [False] * 5
    assert [each.wait() for each in came_back] == [pytest.approx(30)] * 5


def test_a_reset_counter_restarts_the_samples() -> None:
    counted = gauge(*busy(20, rate=5), (20.0, 100, 1), (21.0, 100, 2))
    assert counted.rate == pytest.approx(5)
    assert all(one <= other for (_, one), (_, other) in pairwise(counted.samples))
