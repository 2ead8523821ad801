"""Schedules: beat starts each slot once, or a dispatcher if beat missed it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from durable import Schedule, dispatcher, schedule
from durable.database import transaction
from durable.tests.app import app
from durable.tests.driving import execute

HOURLY = Schedule("retried", every="hour", minute=17, make_up=3)
DAILY = Schedule("call", every="day", minute=30, hour=6, make_up=2)


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    schedule.install(app, [HOURLY, DAILY], queue="odd")
    yield
    schedule.install(app, [], queue="odd")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(workflow: str) -> list[str]:
    keys = "SELECT coalesce(json_agg(key ORDER BY key), '[]') FROM workflow.run WHERE workflow = :workflow"
    found: list[str] = execute(keys, workflow=workflow)
    return found


def fill() -> list[str]:
    with transaction() as session:
        return [str(slot) for slot in schedule.start_missed(session)]


@pytest.mark.parametrize(
    ("one", "now", "slot"),
    [
        (HOURLY, "2026-03-01T10:17:00", "2026-03-01T10"),
        (HOURLY, "2026-03-01T10:16:59", "2026-03-01T09"),
        (HOURLY, "2026-03-01T00:10:00", "2026-02-28T23"),
        (DAILY, "2026-03-01T06:30:00", "2026-03-01"),
        (DAILY, "2026-03-01T06:29:00", "2026-02-28"),
    ],
)
def test_a_slot_begins_at_its_minute(one: Schedule, now: str, slot: str) -> None:
    assert one.slot_at(at(now)) == slot


def test_missed_slots_are_caught_up_oldest_first_within_the_limit() -> None:
    now = at("2026-03-01T10:20:00")
    assert HOURLY.missed("2026-03-01T10", now) == []
    assert HOURLY.missed("2026-03-01T08", now) == ["2026-03-01T09", "2026-03-01T10"]
    assert HOURLY.missed("2026-02-01T00", now) == ["2026-03-01T08", "2026-03-01T09", "2026-03-01T10"]
    assert DAILY.missed("2026-02-01", now) == ["2026-02-28", "2026-03-01"]


def test_a_new_schedule_starts_without_past_slots() -> None:
    assert fill() == []
    assert (runs("retried"), runs("call")) == ([], [])
    assert fill() == []


def test_a_dispatcher_starts_the_slots_that_beat_missed() -> None:
    fill()
    execute("UPDATE workflow.schedule SET slot = '2020-01-01T00' WHERE workflow = 'retried'")
    execute("UPDATE workflow.schedule SET slot = '2020-01-01' WHERE workflow = 'call'")
    started = fill()
    assert started == [f"retried {slot}" for slot in runs("retried")] + [f"call {slot}" for slot in runs("call")]
    assert (len(runs("retried")), len(runs("call"))) == (3, 2)
    assert fill() == []


def test_a_slot_that_beat_started_is_not_started_again() -> None:
    fill()
    schedule._start(None, "retried")
    (slot,) = runs("retried")
    execute("UPDATE workflow.schedule SET slot = '2020-01-01T00' WHERE workflow = 'retried'")
    fill()
    assert runs("retried").count(slot) == 1
    schedule._start(None, "retried")
    assert len(runs("retried")) in (3, 4)  # beat alone may have started the last slot
    assert execute("SELECT input ->> 'slot' = key FROM workflow.run LIMIT 1")


def test_beat_and_two_dispatchers_start_a_slot_once() -> None:
    fill()
    execute("UPDATE workflow.schedule SET slot = '2020-01-01' WHERE workflow = 'call'")
    with ThreadPoolExecutor(3) as threads:
        work = [threads.submit(dispatcher.start_missed_slots) for _ in range(2)]
        work.append(threads.submit(schedule._start, None, "call"))
        for one in work:
            one.result(30)
    assert len(runs("call")) == len(set(runs("call"))) in (2, 3)


def test_beat_sends_a_message_for_each_schedule() -> None:
    entries = app.conf.beat_schedule
    assert set(entries) == {"retried", "call"}
    assert entries["call"]["args"] == ("call",)
    assert (entries["call"]["schedule"].hour, entries["call"]["schedule"].minute) == ({6}, {30})
    assert entries["retried"]["schedule"].minute == {17}
