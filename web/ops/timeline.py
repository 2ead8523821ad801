"""The steps of a run as rows of a timeline: when each began, how long it took, and what failed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from durable.replaying import REPLAYED
from durable.tables import AttemptRecord, RunRecord, StepRow
from web.ops.picture import state_of

SCALE = 1000  # units of a bar's drawing, for the whole run
SHORTEST = 8


@dataclass(frozen=True)
class Bar:
    """A bar of the drawing. `kind`: a state, or `failed` for an attempt that failed."""

    x: int
    width: int
    kind: str


@dataclass(frozen=True)
class Row:
    """A step. `after`, `took`: seconds; None if it has not ended."""

    name: str
    queue: str
    state: str
    attempts: int
    worker: str
    started_at: datetime
    after: float
    took: float | None
    error: str
    bars: list[Bar]


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt that failed. `took`: None if it is not known when it began."""

    step: str
    number: int
    worker: str
    ended_at: datetime
    took: float | None
    error: str


def rows(run: RunRecord, steps: Sequence[StepRow], attempts: Sequence[AttemptRecord], now: datetime) -> list[Row]:
    """The steps in the order of their start."""
    until = max([run.finished_at or now, *(step.finished_at or run.created_at for step in steps)])
    scale = _Scale(run.created_at, until)
    failed: dict[str, list[AttemptRecord]] = {}
    for attempt in attempts:
        failed.setdefault(attempt.step, []).append(attempt)
    return [_row(run, step, failed.get(step.name, []), scale, now) for step in steps]


def failed_attempts(attempts: Sequence[AttemptRecord]) -> list[FailedAttempt]:
    """The attempts that failed, or were repeated by a replay, oldest first."""
    return [
        FailedAttempt(
            one.step, one.number, one.worker or "", one.ended_at,
            (one.ended_at - one.started_at).total_seconds() if one.started_at else None, describe(one.error),
        )
        for one in attempts
    ]  # fmt: skip


def describe(error: Mapping[str, object] | None) -> str:
    """Code and sentence of a refusal; of an exception type, message and line, which no customer sees."""
    if not error:
        return ""
    if "trace" in error:
        return f"{error['trace']} ({error['where']})" if "where" in error else str(error["trace"])
    return f"{error.get('code', '')}: {error.get('detail', '')}"


class _Scale:
    def __init__(self, begin: datetime, until: datetime) -> None:
        self.begin, self.seconds = begin, max((until - begin).total_seconds(), 0.001)

    def bar(self, since: datetime, until: datetime, kind: str) -> Bar:
        x = (since - self.begin).total_seconds() / self.seconds * SCALE
        width = max((until - since).total_seconds() / self.seconds * SCALE, SHORTEST)
        left = min(max(round(x), 0), SCALE - SHORTEST)
        return Bar(left, min(round(width), SCALE - left), kind)


def _row(run: RunRecord, step: StepRow, failed: Sequence[AttemptRecord], scale: _Scale, now: datetime) -> Row:
    end = step.finished_at or (run.finished_at or now)
    bars = [scale.bar(step.started_at, end, state_of(step, run))]
    bars += [
        scale.bar(one.started_at or one.ended_at, one.ended_at, "undone" if one.error == REPLAYED else "failed")
        for one in failed
    ]
    took = (step.finished_at - step.started_at).total_seconds() if step.finished_at else None
    after = (step.started_at - run.created_at).total_seconds()
    return Row(
        step.name, step.queue, state_of(step, run), step.attempts, step.worker or "", step.started_at, after, took,
        describe(step.error), bars,
    )  # fmt: skip
