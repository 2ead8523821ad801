"""Trace contexts (W3C traceparent) of runs: `00-<trace id>-<span id>-<flags>`.

A run keeps the context in which it was started and, after a space, those that its next step is linked with: the step
that has suspended it, and the requests that have woken it. The spans of runs, attempts and calls are derived, not
stored: so whoever takes over a step can link its attempt with that of a dead worker. None: the run is not traced.
"""

import re
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable.run import Run

LINKS = 3
PATTERN = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def of_run(run: "Run") -> str | None:
    """The span from the start of a run to its end."""
    return _derive(run.trace, run.id)


def of_step(run: "Run", name: str, attempt: int) -> str | None:
    """The span of an attempt."""
    return _derive(run.trace, run.id, name, attempt)


def of_call(run: "Run", name: str, attempt: int) -> str | None:
    """The span of the call of an external step."""
    return _derive(run.trace, run.id, name, attempt, "call")


def of_suspension(run: "Run", name: str) -> str | None:
    """The span of a step that has suspended its run. The step is begun again later, as its first attempt."""
    return _derive(run.trace, run.id, name, "suspended", run.generation)


def attempt_of(run: "Run", name: str) -> int:
    """The number of the current attempt of a step, or of the next one."""
    state = run.steps.get(name)
    if state is None:
        return 1
    return state.attempts if state.status == "done" or state.held else state.attempts + 1


def origin(trace: str) -> str:
    """The context in which a run was started."""
    return trace.partition(" ")[0]


def links(trace: str) -> list[str]:
    """The contexts with which the next step of a run is linked."""
    return trace.split(" ")[1:]


def linked(trace: str | None, other: str | None, *, only: bool = False) -> str | None:
    """A run's trace with a further link; `only`: in place of the former ones."""
    if trace is None or other is None:
        return trace
    former = [] if only else links(trace)
    return " ".join([origin(trace), *[*former, other][-LINKS:]])


def _derive(trace: str | None, *parts: object) -> str | None:
    if trace is None:
        return None
    version, trace_id, _, flags = origin(trace).split("-")
    span = sha256(" ".join(map(str, parts)).encode()).hexdigest()[:16]
    return f"{version}-{trace_id}-{span}-{flags}"
