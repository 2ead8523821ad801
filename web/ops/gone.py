"""Runs that are not there: what is said of a link to one that retention has deleted."""

from datetime import UTC, datetime, timedelta

from flask import Response, request

from durable import RunNotFound
from durable.ids import time_of
from settings import settings
from web.blueprint import ops
from web.language import gettext
from web.ops.pages import second, show


@ops.errorhandler(RunNotFound)
def no_run(error: RunNotFound) -> Response:
    """The page of a run that does not exist, or not any more."""
    return show("gone.html", 404, why=explain(str((request.view_args or {}).get("run_id", ""))))


def explain(run_id: str) -> str:
    """Why there is no run with this id. The time in an id tells when its run was started."""
    try:
        started = time_of(run_id)
    except (ValueError, OverflowError):
        started = datetime.now(UTC)
    if started > datetime.now(UTC) - timedelta(days=settings.keep_runs_days):
        return gettext("There is no such run.")
    said = gettext("Runs are deleted %(days)s days after they have ended. This one was started at %(time)s UTC.")
    return said % {"days": settings.keep_runs_days, "time": second(started)}
