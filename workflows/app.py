"""The Celery application of workers, API, beat and Flower, with the configured workflow engine."""

from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_process_init, worker_process_shutdown
from sqlalchemy.orm import Session

import durable
from durable.tables import RunRecord
from models.core import event_log
from models.core.database import dispose_engine, engine
from models.core.events import RunStuck
from settings import QUEUES, settings
from telemetry import logs, metrics, tracing
from telemetry.engine import EngineObserver

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
        on_stuck=_emit_stuck,
        observer=EngineObserver(),
    ),
)


@worker_process_init.connect
def _begin_child(**_: object) -> None:
    dispose_engine()
    metrics.enable("worker")


worker_process_shutdown.connect(tracing.flush)
setup_logging.connect(logs.configure)  # of workers and beat


@celeryd_init.connect
def _begin_quietly(instance: Any, **_: object) -> None:
    """Celery would print a banner, and its warnings before it configures logging."""
    logs.configure()
    instance.quiet = settings.log_format == "json"
