"""What the engine does, as metrics and spans."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from durable import context, traces
from durable.errors import Refusal, Unavailable
from durable.observer import Observer
from durable.plan import Call
from durable.run import Run
from durable.schedule import Slot
from telemetry import metrics, tracing
from telemetry.metrics import of


class EngineObserver(Observer):
    """Counts."""

    def message_taken(self, queue: str, waited: float) -> None:
        of(metrics.MESSAGE_WAIT, queue).observe(max(waited, 0.0))

    def step_ended(self, run: Run, call: Call, outcome: str, since: float) -> None:
        of(metrics.STEPS, call.step.name, outcome).inc()
        if outcome == "done":
            of(metrics.STEP_SECONDS, call.step.name).observe(max(time.time() - since, 0.0))
        if run.trace is not None:
            _export_step(run, call, outcome, since)

    @contextmanager
    def calling(self, run: Run, call: Call, attempt: int) -> Iterator[None]:
        began, outcome, since = time.perf_counter(), "failed", time.time()
        span, step = traces.of_call(run, call.name, attempt), traces.of_step(run, call.name, attempt)
        context.trace.set(span)
        try:
            yield
            outcome = "answered"
        except (Refusal, Unavailable) as error:
            outcome = "refused" if isinstance(error, Refusal) else "unavailable"
            raise
        finally:
            of(metrics.CALLS, call.step.queue, outcome).inc()
            of(metrics.CALL_SECONDS, call.step.queue).observe(time.perf_counter() - began)
            context.trace.set(step)
            failed = "" if outcome in ("answered", "refused") else outcome
            attributes = {"shop.service": call.step.queue, "shop.outcome": outcome}
            tracing.export(
                f"call {call.step.queue}", span, step, since, kind="CLIENT", attributes=attributes, error=failed
            )

    def run_ended(self, run: Run, status: str) -> None:
        of(metrics.RUNS_ENDED, run.workflow, status).inc()
        of(metrics.RUN_SECONDS, run.workflow, status).observe(run.lasted())
        if run.trace is not None:
            attributes = {"shop.run": run.id, "shop.workflow": run.workflow, "shop.status": status}
            tracing.export(
                f"run {run.workflow}", traces.of_run(run), traces.origin(run.trace), time.time() - run.lasted(),
                attributes=attributes,
            )  # fmt: skip

    def slot_trace(self) -> str | None:
        return tracing.begin(None)[0] if tracing.enabled() else None

    def slot_started(self, slot: Slot, missed: bool) -> None:
        if missed:
            of(metrics.SLOTS_MISSED, slot.workflow).inc()
        attributes = {"shop.slot": slot.name, "shop.workflow": slot.workflow, "shop.missed": str(missed).lower()}
        tracing.export(f"slot {slot.workflow}", slot.trace, None, slot.since, attributes=attributes)


def _export_step(run: Run, call: Call, outcome: str, since: float) -> None:
    assert run.trace is not None
    name = call.name
    attempt = run.steps[name].attempts if outcome == "lost" else traces.attempt_of(run, name)
    former = traces.of_step(run, name, attempt - 1) if attempt > 1 else None
    span = traces.of_suspension(run, name) if outcome == "suspended" else traces.of_step(run, name, attempt)
    attributes: tracing.Attributes = {
        "shop.run": run.id, "shop.queue": call.step.queue, "shop.attempt": attempt, "shop.outcome": outcome
    }  # fmt: skip
    tracing.export(
        name, span, traces.of_run(run), since, attributes=attributes,
        links=[*traces.links(run.trace), *([former] if former else [])],
        error="" if outcome in ("done", "suspended") else outcome,
    )  # fmt: skip
