"""Runs that retention has deleted. What they have made is kept longer than they are, and still links them."""

from datetime import UTC, datetime, timedelta

from flask import Response

from durable import RunNotFound
from durable.ids import uuid_of
from settings import settings
from web.ops.pages import show

SEVEN = 7  # the version of UUIDs that contain a time


def show_deleted(run_id: str) -> Response:
    """Says that a run which does not exist was deleted, and when. Raises RunNotFound if it would still be kept."""
    begun = _begun(run_id)
    due = begun and begun + timedelta(days=settings.keep_runs_days)
    if due is None or due > datetime.now(UTC):
        raise RunNotFound("There is no such run.")
    return show("deleted.html", 410, run_id=run_id, begun=begun, due=due, days=settings.keep_runs_days)


def _begun(run_id: str) -> datetime | None:
    """When a run began, by its id; None for an id that no shop has given."""
    made = uuid_of(run_id)
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC) if made.version == SEVEN else None
