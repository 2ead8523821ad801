"""Schedules: beat starts a workflow for each slot, an hour or a day; a dispatcher starts missed slots.

The key of a run is its slot, so duplicated, late or restarted beats start each slot once.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from celery import Celery
from celery.schedules import crontab
from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable import config, context, transitions
from durable.database import observe_clock, transaction
from durable.queries import database_now
from durable.tables import RunRecord, ScheduleRecord

FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}
LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
LATE = timedelta(minutes=2)  # grace period for beat's message; afterwards the slot counts as missed


@dataclass(frozen=True)
class Schedule:
    """A workflow that is started once per slot: `every` hour or day, at that minute (and hour) in UTC.

    `make_up`: the maximum number of missed slots that are started later. Reports are made up for every day; for a
    clean-up, the last slot is sufficient.
    """

    workflow: str
    every: str
    minute: int
    hour: int = 0
    make_up: int = 1

    def slot_at(self, now: datetime) -> str:
        """The most recent slot."""
        return self._name(self._latest(now))

    def missed(self, after: str, now: datetime) -> list[str]:
        """The due slots after `after`, oldest first, at most `make_up`."""
        at = self._latest(now)
        found: list[str] = []
        while len(found) < self.make_up and self._name(at) > after:
            found.append(self._name(at))
            at -= LENGTHS[self.every]
        return found[::-1]

    def next_at(self, now: datetime) -> datetime:
        """When the next slot begins."""
        return self._latest(now) + LENGTHS[self.every]

    def _latest(self, now: datetime) -> datetime:
        at = now.astimezone(UTC).replace(minute=self.minute, second=0, microsecond=0)
        if self.every == "day":
            at = at.replace(hour=self.hour)
        return at if at <= now else at - LENGTHS[self.every]

    def _name(self, at: datetime) -> str:
        return at.strftime(FORMATS[self.every])


@dataclass(frozen=True)
class Slot:
    """A slot whose run has been started. `trace`: the context of its span. `since`: epoch seconds."""

    workflow: str
    name: str
    trace: str | None
    since: float

    def __str__(self) -> str:
        return f"{self.workflow} {self.name}"


_schedules: list[Schedule] = []


def install(app: Celery, schedules: list[Schedule], queue: str) -> None:
    """Lets beat send a message to `queue` for each slot, and dispatchers start missed slots."""
    _schedules[:] = schedules
    app.task(name="schedule.start", bind=True, shared=False)(_start)
    app.conf.beat_schedule = {one.workflow: _entry(one, queue) for one in schedules}


def _entry(schedule: Schedule, queue: str) -> dict[str, object]:
    hour = "*" if schedule.every == "hour" else str(schedule.hour)
    return {
        "task": "schedule.start", "schedule": crontab(minute=str(schedule.minute), hour=hour),
        "args": (schedule.workflow,), "options": {"queue": queue},
    }  # fmt: skip


def _start(task: object, workflow: str) -> None:
    """Starts the workflow for the current slot, unless it was already started for this slot."""
    schedule = next(one for one in _schedules if one.workflow == workflow)
    with transaction() as session:
        now = database_now(session)
        started = _start_slot(session, schedule, schedule.slot_at(now))
    if started is not None:
        config.options().observer.slot_started(started, missed=False)


def start_missed(session: Session) -> list[Slot]:
    """Starts missed slots and returns them. A new schedule starts with the current slot."""
    now = database_now(session)
    observe_clock(now)
    started = []
    for schedule in _schedules:
        latest = schedule.slot_at(now)
        known = session.get(ScheduleRecord, schedule.workflow, with_for_update=True)
        if known is None:
            new = insert(ScheduleRecord).values(workflow=schedule.workflow, slot=latest)
            session.execute(new.on_conflict_do_nothing())
            continue
        for slot in schedule.missed(known.slot, now - LATE):
            started.append(_start_slot(session, schedule, slot))
            known.slot = slot
    return [slot for slot in started if slot is not None]


@dataclass(frozen=True)
class SlotState:
    """A schedule now. `run_id` and `status`: of the run of its latest slot; None: it was not started. `missed`: slots
    that are overdue and that a dispatcher will start."""

    workflow: str
    every: str
    latest: str
    next_at: datetime
    run_id: str | None
    status: str | None
    missed: list[str]


def list_slots(session: Session) -> list[SlotState]:
    """The state of every schedule, those that are next first. Three queries."""
    now = database_now(session)
    known = {record.workflow: record.slot for record in session.scalars(select(ScheduleRecord))}
    overdue = {one.workflow: one.missed(known[one.workflow], now - LATE) for one in _schedules if one.workflow in known}
    due = [(one.workflow, slot) for one in _schedules for slot in [*overdue.get(one.workflow, ()), one.slot_at(now)]]
    same = tuple_(RunRecord.workflow, RunRecord.key).in_(due)
    rows = session.execute(select(RunRecord.workflow, RunRecord.key, RunRecord.id, RunRecord.status).where(same))
    runs = {(row.workflow, row.key): row for row in rows}
    states = [_state(one, now, overdue.get(one.workflow, ()), runs) for one in _schedules]
    return sorted(states, key=attrgetter("next_at"))


def _state(schedule: Schedule, now: datetime, overdue: Iterable[str], runs: Mapping[tuple[str, str], Any]) -> SlotState:
    name, latest = schedule.workflow, schedule.slot_at(now)
    run = runs.get((name, latest))
    missed = [slot for slot in overdue if (name, slot) not in runs]
    run_id, status = (run.id, run.status) if run else (None, None)
    return SlotState(name, schedule.every, latest, schedule.next_at(now), run_id, status, missed)


def _is_started(session: Session, schedule: Schedule, slot: str) -> bool:
    same = select(RunRecord.id).where(RunRecord.workflow == schedule.workflow, RunRecord.key == slot)
    return session.scalars(same).one_or_none() is not None


def _start_slot(session: Session, schedule: Schedule, name: str) -> Slot | None:
    """Starts the run of a slot, in a trace of its own; None if there is one."""
    if _is_started(session, schedule, name):
        return None
    slot = Slot(schedule.workflow, name, config.options().observer.slot_trace(), time.time())
    with context.tracing(slot.trace):
        transitions.start(session, slot.workflow, key=name, input={"slot": name})
    return slot
