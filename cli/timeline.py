"""Draws a run as a timeline: one row per step, with a bar for its duration."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from durable.tables import AttemptRecord, RunRecord, StepRecord

BAR = 36  # characters for the whole run
COLOURS = {"done": "green", "refused": "red", "intent": "yellow"}


def print_run(console: Console, run: RunRecord, steps: list[StepRecord], left: list[str]) -> None:
    """Prints a run and its timeline, in milliseconds since its start. `left` names the remaining steps."""
    until = max([run.finished_at or datetime.now(UTC), *(_end(step, run.created_at) for step in steps)])
    console.print(f"[bold]{run.id}[/]  {run.workflow} of {escape(run.key)}: [bold]{run.status}[/]", soft_wrap=True)
    for name, value in _facts(run, until).items():
        console.print(f"  {name:10} {escape(value)}", soft_wrap=True)
    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("step", "queue", "status"):
        table.add_column(column, no_wrap=True)
    for column in ("attempts", "+ms", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=BAR)
    table.add_column("error", overflow="fold")
    for step in steps:
        table.add_row(*_row(run, step, until))
    for name in left:
        if name not in {step.name for step in steps}:
            table.add_row(escape(name), "", "pending", *[""] * 5, style="dim")
    console.print(table)


def print_attempts(console: Console, attempts: Sequence[AttemptRecord]) -> None:
    """Prints the failed attempts, and those that a replay has repeated, oldest first: time, worker and error."""
    if not attempts:
        return
    table = Table("failed attempt", "at", "worker", "error", box=SIMPLE, pad_edge=False)
    table.columns[3].overflow = "fold"
    for attempt in attempts:
        at = f"{attempt.ended_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        error = escape(_describe(attempt.error))
        table.add_row(f"{escape(attempt.step)} {attempt.number}", at, escape(attempt.worker or ""), error)
    console.print(table)


def _describe(error: Mapping[str, object]) -> str:
    """Code and sentence of a refusal; of an exception type, message and line, which no customer sees."""
    if "trace" in error:
        return f"{error['trace']} ({error['where']})" if "where" in error else str(error["trace"])
    return f"{error.get('code', '')}: {error.get('detail', '')}"


def _facts(run: RunRecord, until: datetime) -> dict[str, str]:
    facts = {
        "started": f"{run.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC",
        "took": f"{_ms(until - run.created_at)} ms" + ("" if run.finished_at else " so far"),
        "input": json.dumps(run.input),
    }
    optional = {"result": run.result, "error": run.error, "signals": run.signals or None}
    facts |= {name: json.dumps(value) for name, value in optional.items() if value is not None}
    if run.stuck_reason:
        facts["stuck"] = run.stuck_reason
    if run.attempts:
        facts["attempts"] = f"{run.attempts} since the last completed step"
    if run.finished_at is None:
        facts["lease"] = f"until {run.lease_until.astimezone(UTC):%H:%M:%S} UTC, unless renewed"
    return facts


def _row(run: RunRecord, step: StepRecord, until: datetime) -> list[str]:
    started = step.started_at - run.created_at
    took = _end(step, until) - step.started_at
    colour = COLOURS[step.status]
    return [
        escape(step.name), step.queue, f"[{colour}]{step.status}[/]", str(step.attempts), str(_ms(started)),
        str(_ms(took)) if step.finished_at else "", f"[{colour}]{_bar(started, took, until - run.created_at)}[/]",
        escape(_describe(step.error)) if step.error else "",
    ]  # fmt: skip


def _end(step: StepRecord, otherwise: datetime) -> datetime:
    return step.finished_at or otherwise


def _bar(started: timedelta, took: timedelta, whole: timedelta) -> str:
    """At least one character, so that short steps are visible."""
    scale = BAR / max(whole.total_seconds(), 0.001)
    begin = min(int(started.total_seconds() * scale), BAR - 1)
    length = min(max(round(took.total_seconds() * scale), 1), BAR - begin)
    return " " * max(begin, 0) + "━" * length


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
