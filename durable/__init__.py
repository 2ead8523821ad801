"""Durable execution on Celery and PostgreSQL. See README.md in this folder."""

from durable.children import Child, start_child
from durable.config import Options, configure
from durable.dropping import drop
from durable.errors import Refusal, RunConflict, RunNotFound, StepTimeout, Unavailable, UnknownWorkflow
from durable.lease import heartbeat
from durable.observer import Observer
from durable.replaying import replay
from durable.retry import Retry
from durable.run import Run, Suspend
from durable.schedule import Schedule
from durable.steps import Service, Step
from durable.transitions import cancel, extend_deadline, notify, retry, signal, start
from durable.workflow import Each, Outputs, Parallel, Pivot, Undoable, Workflow

__all__ = [
    "Child", "Each", "Observer", "Options", "Outputs", "Parallel", "Pivot", "Refusal", "Retry", "Run", "RunConflict",
    "RunNotFound", "Schedule", "Service", "Step", "StepTimeout", "Suspend", "Unavailable", "Undoable",
    "UnknownWorkflow", "Workflow", "cancel", "configure", "drop", "extend_deadline", "heartbeat", "notify", "replay",
    "retry", "signal", "start", "start_child",
]  # fmt: skip
