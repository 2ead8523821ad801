"""Runs that retention has deleted. What they have made is kept longer than they are, and still links them."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import Response, current_app, request

from durable import RunNotFound
from durable.ids import time_of, uuid_of
from models.core.errors import NotFound
from settings import settings
from web.blueprint import ops
from web.forms import is_id
from web.ops.pages import show

SEVEN = 7  # the version of UUIDs that contain a time


class Deleted(NamedTuple):
    """A run that retention has deleted: when it began, and from when on it could be deleted, after so many days."""

    begun: datetime
    due: datetime
    days: int


@ops.errorhandler(RunNotFound)
def show_deleted(error: RunNotFound) -> Response:
    """Says that a run which does not exist was deleted, and when (410); or that there is none (404)."""
    run_id = str((request.view_args or {}).get("run_id", ""))
    deleted = find_deleted(run_id)
    if deleted is None:
        return current_app.make_response(current_app.handle_user_exception(NotFound("There is no such run.")))
    return show("deleted.html", 410, run_id=run_id, deleted=deleted)


def find_deleted(run_id: str) -> Deleted | None:
    """What happened to a run that does not exist, by the time in its id; None if no shop has given this id."""
    if not is_id("run", run_id) or uuid_of(run_id).version != SEVEN:
        return None
    try:
        begun = time_of(run_id)
        due = begun + timedelta(days=settings.keep_runs_days)
    except (ValueError, OverflowError):  # in a far future
        return None
    return Deleted(begun, due, settings.keep_runs_days) if due < datetime.now(UTC) else None
