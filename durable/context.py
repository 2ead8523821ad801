"""What this thread works on: shown in log lines, and handed on to the runs that it starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being answered, or that has started the run that is being performed."""
run_id: ContextVar[str | None] = ContextVar("run_id", default=None)
step: ContextVar[str | None] = ContextVar("step", default=None)
"""The name of the step that is being performed, with its item."""

trace: ContextVar[str | None] = ContextVar("trace", default=None)
"""The trace context (W3C traceparent) of the request, step or call; None: nothing is traced."""


@contextmanager
def working_on(run: str, name: str | None = None, request: str | None = None) -> Iterator[None]:
    """Sets the run, the step and the request for a block, and clears them, and the trace, at its end."""
    run_id.set(run)
    step.set(name)
    request_id.set(request)
    try:
        yield
    finally:
        for variable in (run_id, step, request_id, trace):
            variable.set(None)


@contextmanager
def tracing(traceparent: str | None) -> Iterator[None]:
    """Sets the trace for a block, and restores it at its end."""
    former = trace.set(traceparent)
    try:
        yield
    finally:
        trace.reset(former)
