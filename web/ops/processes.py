"""Workers and what they do now, queues, dispatchers, the relay, and beat's schedules."""

from flask import Response

from durable.queries import database_now
from durable.schedule import list_slots
from models.core.database import transaction
from monitoring import overview as reading
from monitoring import workers
from monitoring.health import OVERDUE
from web import access
from web.blueprint import ops
from web.ops.pages import show


@ops.get("/workers")
@access.allowed("runs:read")
def workers_page() -> Response:
    """The workers, asked now, and the steps that they hold."""
    answer = workers.ask_workers()
    with transaction() as session:
        begun, now = workers.read_begun_steps(session), database_now(session)
    held: dict[str, list[object]] = {}
    for step in begun:
        held.setdefault((step.worker or "").partition(" ")[0], []).append(step)
    unknown = sorted(set(held) - {worker.name for worker in answer.workers})
    return show("workers.html", answer=answer, held=held, unknown=unknown, now=now, most=workers.MAX_STEPS)


@ops.get("/queues")
@access.allowed("runs:read")
def queues() -> Response:
    """Every queue with its length, its oldest message, its rate and its consumers, and open circuit breakers."""
    answer, asked = workers.recent_workers(), reading.ask_broker()
    with transaction() as session:
        seen = reading.read_overview(session, asked)
    return show("queues.html", seen=seen, answer=answer)


@ops.get("/schedule")
@access.allowed("runs:read")
def schedule() -> Response:
    """Dispatchers, the relay, and the schedules: their next and their missed slots."""
    with transaction() as session:
        dispatchers, cursors = reading.read_dispatchers(session), reading.read_cursors(session)
        slots, now = list_slots(session), database_now(session)
    return show("schedule.html", dispatchers=dispatchers, cursors=cursors, slots=slots, now=now, overdue=OVERDUE)
