"""How long a queue is in time, from what was served of it while messages waited."""

from itertools import pairwise

import pytest

from monitoring.overload import MAX_UNKNOWN_BACKLOG, MIN_DURATION, WINDOW, Gauge

LIMIT = 60.0


def gauge(*samples: tuple[float, int, int]) -> Gauge:
    """A gauge that has seen these: the time, messages that wait, messages that were ever served."""
    made = Gauge(LIMIT)
    for look in samples:
        made.add_sample(*look)
    return made


def busy(seconds: int, rate: int, length: int = 100) -> list[tuple[float, int, int]]:
    return [(float(second), length, rate * second) for second in range(seconds)]


def test_an_empty_queue_is_no_wait() -> None:
    assert gauge(*[(second, 0, 5 * second) for second in range(20)]).wait() == 0


def test_the_wait_is_the_length_by_the_rate() -> None:
    assert gauge(*busy(20, rate=5, length=200)).wait() == pytest.approx(40)


def test_what_was_served_more_than_a_window_ago_does_not_count() -> None:
    slower = [(20.0 + second, 200, 1000 + 2 * second) for second in range(int(WINDOW) + 2)]
    assert gauge(*busy(20, rate=50), *slower).rate == pytest.approx(2)


def test_a_shop_that_had_nothing_to_do_is_not_a_slow_one() -> None:
    """One order every ten seconds, then two hundred at once."""
    quiet = [(second, 0, second // 10) for second in range(100)]
    assert gauge(*quiet, (100, 200, 10), (101, 190, 20), (102, 180, 30)).wait() < LIMIT


def test_a_rate_is_not_made_of_two_looks_close_together() -> None:
    """What workers have taken is written down once a second; between two such moments it seems to be nothing."""
    assert gauge((0, 500, 0), (1, 500, 1)).wait() < LIMIT
    assert gauge((0, 500, 0), (MIN_DURATION, 500, 3)).wait() == pytest.approx(500)


def test_where_nothing_was_ever_served_a_bounded_number_may_wait() -> None:
    dead = [(second, MAX_UNKNOWN_BACKLOG, 0) for second in range(600)]
    assert gauge(*dead).wait() == pytest.approx(LIMIT)
    assert gauge(*dead, (600, MAX_UNKNOWN_BACKLOG + 1, 0)).wait() > LIMIT
    assert gauge(*dead).is_stalled


def test_while_the_workers_are_away_as_many_may_wait_as_they_can_do_within_the_limit() -> None:
    away = [(20.0 + second, 299, 95) for second in range(600)]
    stalled = gauge(*busy(20, rate=5), *away)
    assert stalled.is_stalled
    assert stalled.wait() < LIMIT
    assert gauge(*busy(20, rate=5), *away, (620.0, 301, 95)).wait() > LIMIT


def test_the_pause_of_workers_that_come_back_is_no_part_of_their_rate() -> None:
    away = [(20.0 + second, 150, 95) for second in range(60)]
    back = [(80.0 + second, 150, 95 + 5 * (second + 1)) for second in range(5)]
    came_back = [gauge(*busy(20, rate=5), *away, *back[:seen]) for seen in range(1, 6)]
    assert [each.is_stalled for each in came_back] == [False] * 5
    assert [each.wait() for each in came_back] == [pytest.approx(30)] * 5


def test_a_table_that_was_made_again_begins_again() -> None:
    counted = gauge(*busy(20, rate=5), (20.0, 100, 1), (21.0, 100, 2))
    assert counted.rate == pytest.approx(5)
    assert all(one <= other for (_, one), (_, other) in pairwise(counted.samples))
