"""The Celery application of workers, API, beat and Flower, with the configured workflow engine."""

import logging

from celery import Celery
from celery.signals import setup_logging, worker_process_init
from sqlalchemy.orm import Session

import durable
from durable.tables import RunRecord
from models.core import event_log
from models.core.database import dispose_engine, engine, request_id
from models.core.events import RunStuck
from settings import LOG_FORMAT, QUEUES, settings

app = Celery("shopflow")
app.config_from_object("celeryconfig")


def _emit_stuck(session: Session, run: RunRecord, step: str) -> None:
    event_log.emit(session, RunStuck(run_id=run.id, workflow=run.workflow, step=step))


durable.configure(
    app,
    engine,
    durable.Options(
        queues=QUEUES,
        lease=settings.lease,
        sweep=settings.sweep,
        attempts=settings.attempts,
        continue_for=settings.continue_for,
        stuck_after=settings.stuck_after,
        in_place=settings.in_place_queues,
        slots=str(settings.sockets),
        task_events=settings.worker_events,
        request_id=request_id.get,
        on_stuck=_emit_stuck,
    ),
)


@worker_process_init.connect
def _dispose_inherited_engine(**_: object) -> None:
    dispose_engine()


@setup_logging.connect
def configure_logging(**_: object) -> None:
    """Logs to standard error, one line per record."""
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    logging.getLogger("stripe").setLevel("WARNING")  # at INFO it logs two lines per call
