"""`shop runs`: lists, shows, retries, replays and cancels runs, and drops steps of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from rich.box import SIMPLE
from rich.table import Table
from sqlalchemy.orm import Session

from cli import operator_log
from cli.run_selection import RunId, change_each, filtered, in_bulk, select_runs
from cli.terminal import console
from cli.timeline import print_attempts, print_run
from durable import Refusal, UnknownWorkflow
from durable.tables import AttemptRecord, RunRecord, StepRecord
from models.core.database import transaction


@click.group()
def runs() -> None:
    """List, show, retry, replay and cancel workflow runs, and drop steps of them."""


@runs.command("list")
@filtered
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Maximum number of runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(limit: int, as_json: bool, **filters: object) -> None:
    """List runs, newest first. Stuck runs are retried every minute and require an operator."""
    listed = select_runs(filters, limit)
    if as_json:
        click.echo(json.dumps([_as_dict(run) for run in listed], indent=2, default=str))
        return
    table = Table("id", "workflow", "status", "attempts", "started", "took", "error", box=SIMPLE, pad_edge=False)
    table.columns[0].no_wrap = True
    for run in listed:
        table.add_row(
            run.id, run.workflow, f"{run.status}, stuck" if run.stuck_at else run.status, str(run.attempts),
            f"{run.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            _format_duration((run.finished_at or datetime.now(UTC)) - run.created_at),
            (run.error or {}).get("code", ""),
        )  # fmt: skip
    console().print(table if listed else "No runs found.")


@runs.command()
@click.argument("run_id", metavar="ID", type=RunId())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(run_id: str, as_json: bool) -> None:
    """Show a run with its steps, their timing, and failed attempts."""

    from durable import queries

    with _errors_as_messages(), transaction() as session:
        run = queries.get_run(session, run_id)
        steps = queries.steps_of_run(session, run_id)
        attempts = queries.attempts_of_run(session, run_id)
    left = _remaining_steps(run, steps) if run.finished_at is None else []
    if as_json:
        shown = {**_as_dict(run), "steps": [_as_dict(step) for step in steps], "left": left,
                 "failed_attempts": [_as_dict(attempt) for attempt in attempts]}  # fmt: skip
        click.echo(json.dumps(shown, indent=2, default=str))
    else:
        print_run(console(), run, steps, left)
        print_attempts(console(), attempts)


def _remaining_steps(run: RunRecord, steps: Sequence[StepRecord]) -> list[str]:
    """The remaining steps; empty if this release does not know the workflow."""
    import workflows  # noqa: F401  registers the workflows
    from durable.plan import plan, progress_in
    from durable.workflow import workflow_of

    try:
        workflow = workflow_of(run.workflow, run.version)
    except UnknownWorkflow:
        return []
    return [call.name for stage in plan(workflow, progress_in(run.status, steps)) for call in stage]


@runs.command()
@click.argument("run_id", metavar="[ID]", type=RunId(), required=False)
@filtered
@in_bulk
def retry(run_id: str | None, limit: int, yes: bool, **filters: object) -> None:
    """Resume a failed or stuck run at the failed step, immediately and without a deadline.

    With options in place of an ID, resume all runs that match every option, oldest first: for example
    `shop runs retry --stuck --workflow checkout`. Without --yes, asks first. Each run is one line of the output, and
    the exit status is 1 if one was refused.
    """
    from durable import retry as retry_run

    def resume(one: str) -> str:
        run = _change(one, retry_run)
        return f"{run.id} is resumed ({run.status})."

    change_each(run_id, filters, limit, yes, "Resume", resume)


@runs.command()
@click.argument("run_id", metavar="[ID]", type=RunId(), required=False)
@filtered
@in_bulk
def cancel(run_id: str | None, limit: int, yes: bool, **filters: object) -> None:
    """Cancel a run: its completed steps are compensated, and it ends cancelled.

    Fails if the run has ended or passed its pivot. With options in place of an ID, cancel all runs that match every
    option, oldest first. Without --yes, asks first. Each run is one line of the output, and the exit status is 1 if
    one was refused.
    """
    from durable import cancel as cancel_run

    def end(one: str) -> str:
        run = _change(one, cancel_run)
        return f"{run.id} is being cancelled."

    change_each(run_id, filters, limit, yes, "Cancel", end)


@runs.command()
@click.argument("run_id", metavar="ID", type=RunId())
@click.argument("step")
def drop(run_id: str, step: str) -> None:
    """Drop a STEP such as `catalogue.take[3]`, and resume the run: the step ends without its work.

    For a part of an import that its workers cannot process: its rows are refused. A worker that is at it now finishes
    first, or reaches its time limit.
    """
    from durable import drop as drop_step

    _change(run_id, lambda session, found: drop_step(session, found, step))
    click.echo(f"{step} of {run_id} will be dropped.")


@runs.command()
@click.argument("run_id", metavar="ID", type=RunId())
@click.argument("step", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def replay(run_id: str, step: str | None, yes: bool) -> None:
    """Perform a STEP such as `reports.part`, or one of its items, and all later steps again.

    Lists what would be performed again, and asks. Without a STEP, lists those from which the run can be replayed: only
    steps that are declared as replayable, because performing them again does no harm. A run that has succeeded is
    resumed.
    """
    from durable import replay as replay_run

    if step is None:
        found = _replayable(run_id)
        click.echo("\n".join(found) if found else f"{run_id} cannot be replayed: no step of it may be performed again.")
        return
    again = _performed_again(run_id, step)
    click.echo(f"Performed again: {', '.join(again)}")
    if mails := [name for name in again if name.startswith("notifications.")]:
        click.echo(f"Sent a second time: the mail of {', '.join(mails)}")
    if not yes:
        click.confirm("Replay the run?", abort=True)
    _change(run_id, lambda session, found: replay_run(session, found, step))
    click.echo(f"{run_id} is replayed from {step}.")


def _replayable(run_id: str) -> list[str]:
    import workflows  # noqa: F401  registers the workflows
    from durable import queries, replaying

    with _errors_as_messages(), transaction() as session:
        run, steps = queries.get_run(session, run_id), queries.steps_of_run(session, run_id)
        return replaying.list_starts(run, steps, queries.database_now(session))


def _performed_again(run_id: str, step: str) -> list[str]:
    import workflows  # noqa: F401  registers the workflows
    from durable import queries, replaying

    with _errors_as_messages(), transaction() as session:
        run, steps = queries.get_run(session, run_id), queries.steps_of_run(session, run_id)
        return [record.name for record in replaying.find_again(run, steps, step, queries.database_now(session))]


def _change(run_id: str, change: Callable[[Session, str], RunRecord]) -> RunRecord:
    import workflows  # noqa: F401, its after-commit hook publishes the run

    with _errors_as_messages(), transaction() as session:
        operator_log.record(session, run_id)
        return change(session, run_id)


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(refusal.detail) from refusal


def _as_dict(row: RunRecord | StepRecord | AttemptRecord) -> dict[str, object]:
    """A row as a JSON object, with times in RFC 3339."""
    values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _format_duration(taken: timedelta) -> str:
    seconds = taken.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 600 else str(taken)[:-7]
