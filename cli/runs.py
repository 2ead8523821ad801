"""`shop runs`: what is under way in the shop, what became of it, and an operator's hand in it."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.box import SIMPLE
from rich.table import Table
from sqlalchemy.orm import Session

from cli.terminal import console
from cli.timeline import print_attempts, print_run
from durable import Refusal, UnknownWorkflow
from durable.tables import RunRecord
from durable.transitions import LIVE
from models.core.database import transaction

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
STATUSES = (*LIVE, "succeeded", "cancelled", "failed")


class Age(click.ParamType[int]):
    """A duration, in seconds: `90`, `90s`, `15m`, `2h` or `1d`."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,6})([smhd]?)", str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 15m, 2h or 1d.", param, ctx)
        return int(found[1]) * UNITS[found[2] or "s"]


class RunId(click.ParamType[str]):
    """The id of a run, which is also the id of the task that the API hands out."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"run_[0-9a-f]{32}", str(value)):
            self.fail(f"{value!r} is not the id of a run: run_ and 32 hex digits.", param, ctx)
        return value


@click.group()
def runs() -> None:
    """Look at runs of workflows, and let one go on or turn it back."""


@runs.command("list")
@click.option("--workflow", help="Only of this workflow.")
@click.option("--status", type=click.Choice(STATUSES), help="Only in this state.")
@click.option("--older-than", type=Age(), help="Only those started so long ago: 90s, 15m, 2h, 1d.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print a list for programs.")
def list_(workflow: str | None, status: str | None, older_than: int | None, limit: int, as_json: bool) -> None:
    """List runs, newest first. One that is stuck is tried again every minute and needs a person."""
    from durable.queries import find_runs

    with transaction() as session:
        query = find_runs(workflow, status, older_than).order_by(RunRecord.id.desc()).limit(limit)
        listed = list(session.scalars(query))
    if as_json:
        click.echo(json.dumps([_as_dict(run) for run in listed], indent=2, default=str))
        return
    table = Table("id", "workflow", "status", "attempts", "started", "took", "error", box=SIMPLE, pad_edge=False)
    table.columns[0].no_wrap = True
    for run in listed:
        table.add_row(
            run.id, run.workflow, f"{run.status}, stuck" if run.stuck_at else run.status, str(run.attempts),
            f"{run.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            _span((run.finished_at or datetime.now(UTC)) - run.created_at), (run.error or {}).get("code", ""),
        )  # fmt: skip
    console().print(table if listed else "There are no such runs.")


@runs.command()
@click.argument("run_id", metavar="ID", type=RunId())
@click.option("--json", "as_json", is_flag=True, help="Print an object for programs.")
def show(run_id: str, as_json: bool) -> None:
    """Show a run with its steps, and when each of them took place."""

    from durable import queries

    with _refusals(), transaction() as session:
        run = queries.get_run(session, run_id)
        steps = queries.steps_of_run(session, run_id)
        attempts = queries.attempts_of_run(session, run_id)
    left = _left(run, steps) if run.finished_at is None else []
    if as_json:
        shown = {**_as_dict(run), "steps": [_as_dict(step) for step in steps], "left": left,
                 "failed_attempts": [_as_dict(attempt) for attempt in attempts]}  # fmt: skip
        click.echo(json.dumps(shown, indent=2, default=str))
    else:
        print_run(console(), run, steps, left)
        print_attempts(console(), attempts)


def _left(run: RunRecord, steps: Any) -> list[str]:
    """The steps that are still to be done; none of a workflow that this code does not know."""
    import workflows  # noqa: F401  the workflows that there are
    from durable.plan import plan, progress_in
    from durable.workflow import workflow_of

    try:
        workflow = workflow_of(run.workflow, run.version)
    except UnknownWorkflow:
        return []
    return [call.name for stage in plan(workflow, progress_in(run.status, steps)) for call in stage]


@runs.command()
@click.argument("run_id", metavar="ID", type=RunId())
def retry(run_id: str) -> None:
    """Let a failed or stuck run go on where it stood, at once and without a deadline."""
    from durable import retry as go_on

    run = _change(run_id, go_on)
    click.echo(f"{run.id} goes on ({run.status}).")


@runs.command()
@click.argument("run_id", metavar="ID", type=RunId())
def cancel(run_id: str) -> None:
    """Turn a run back: what it has done is undone, and it ends cancelled.

    Refused for a run that has ended, or that has passed its point of no return.
    """
    from durable import cancel as turn_back

    run = _change(run_id, turn_back)
    click.echo(f"{run.id} is being taken back.")


def _change(run_id: str, change: Callable[[Session, str], RunRecord]) -> RunRecord:
    import workflows  # noqa: F401, whose after-commit hook publishes what goes on

    with _refusals(), transaction() as session:
        return change(session, run_id)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(refusal.detail) from refusal


def _as_dict(row: Any) -> dict[str, Any]:
    """A row as JSON has it, with times in RFC 3339."""
    values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _span(taken: timedelta) -> str:
    seconds = taken.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 600 else str(taken)[:-7]
