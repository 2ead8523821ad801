"""The page of a run, live: it is told of each change, and then fetches the part of the page that shows it."""

from collections.abc import Iterator

from flask import Response
from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from api.http import event_stream
from api.http.event_stream import MAX_DURATION, POLL_INTERVAL
from durable import queries
from durable.ids import Id
from models.core.database import transaction
from serving.run_waiter import watch
from web import access
from web.blueprint import ops

# Without leases, which are extended every second or two: they are no change that the page shows.
_STATE = text("""
    SELECT run.finished_at IS NOT NULL AS ended, md5(concat_ws('|', run.status, run.generation, run.attempts,
        run.replays, run.stuck_at, run.signals, (
            SELECT string_agg(concat_ws(':', name, status, attempts, error, progress), ',' ORDER BY name)
            FROM workflow.step WHERE run_id = run.id
        ))) AS digest
    FROM workflow.run WHERE id = :run_id
""").bindparams(bindparam("run_id", type_=Id("run")))


@ops.get('/runs/<id("run"):run_id>/events')
@access.allowed("runs:read")
def run_events(run_id: str) -> Response:
    """Streams `changed` whenever the run has changed, and `end` after its end, as server-sent events."""
    with transaction() as session:
        queries.get_run(session, run_id)
    return event_stream.respond(lambda: _changes(run_id))


def _changes(run_id: str) -> Iterator[str]:
    """A browser that has just connected is told to look, since the run may have changed since its page was made."""
    last = ""
    for _tick in watch(run_id, MAX_DURATION, POLL_INTERVAL):
        with transaction() as session:
            digest, ended = _read(session, run_id)
        yield "event: changed\ndata: look\n\n" if digest != last else ""
        last = digest
        if ended:
            yield "event: end\ndata: end\n\n"
            return


def _read(session: Session, run_id: str) -> tuple[str, bool]:
    """A digest of what the page shows of the run, and whether it has ended; a run that is deleted has."""
    found = session.execute(_STATE, {"run_id": run_id}).one_or_none()
    return ("gone", True) if found is None else (found.digest, found.ended)
