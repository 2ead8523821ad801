"""What beat starts, and when. A run's key is the slot it is for, so that two beats start it once."""

from datetime import UTC, datetime
from typing import Any

from celery import Task
from celery.schedules import crontab

from models import runs
from models.database import transaction
from tasks.app import app

SLOTS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}


@app.task(name="schedule.start", bind=True)
def start_scheduled(self: Task, workflow: str, every: str) -> None:
    """Starts a workflow for the slot in which beat sent this message, unless it has been started for it already."""
    sent = self.request.get("published_at")
    slot = datetime.fromtimestamp(sent, UTC).strftime(SLOTS[every])
    with transaction() as session:
        runs.start(session, workflow, key=slot, input={"slot": slot})


def _entry(workflow: str, every: str, schedule: Any) -> dict[str, Any]:
    return {
        "task": start_scheduled.name,
        "schedule": schedule,
        "args": (workflow, every),
        "options": {"queue": "reports"},
    }


app.conf.beat_schedule = {
    "clean_up": _entry("clean_up", "hour", crontab(minute="7")),
    "cart_expiry": _entry("cart_expiry", "hour", crontab(minute="37")),
    "abandoned_carts": _entry("abandoned_carts", "hour", crontab(minute="17")),
    # Late enough for every transaction of the day before to have ended.
    "inventory_report": _entry("inventory_report", "day", crontab(hour="0", minute="10")),
}
