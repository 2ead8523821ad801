"""What the engine does, as metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from durable.errors import Refusal, Unavailable
from durable.observer import Observer
from durable.plan import Call
from durable.run import Run
from telemetry import metrics
from telemetry.metrics import of


class EngineObserver(Observer):
    """Counts."""

    def message_taken(self, queue: str, waited: float) -> None:
        of(metrics.MESSAGE_WAIT, queue).observe(max(waited, 0.0))

    def step_ended(self, run: Run, call: Call, outcome: str, since: float) -> None:
        of(metrics.STEPS, call.step.name, outcome).inc()
        if outcome == "done":
            of(metrics.STEP_SECONDS, call.step.name).observe(max(time.time() - since, 0.0))

    @contextmanager
    def calling(self, run: Run, call: Call, attempt: int) -> Iterator[None]:
        began, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "answered"
        except (Refusal, Unavailable) as error:
            outcome = "refused" if isinstance(error, Refusal) else "unavailable"
            raise
        finally:
            of(metrics.CALLS, call.step.queue, outcome).inc()
            of(metrics.CALL_SECONDS, call.step.queue).observe(time.perf_counter() - began)

    def run_ended(self, run: Run, status: str) -> None:
        of(metrics.RUNS_ENDED, run.workflow, status).inc()
        of(metrics.RUN_SECONDS, run.workflow, status).observe(run.lasted())

    def slot_missed(self, workflow: str) -> None:
        of(metrics.SLOTS_MISSED, workflow).inc()
