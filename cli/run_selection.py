"""Which runs a command of `shop runs` is about: one, by its id, or all that match its options."""

import re
import sys
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeVar

import click

from durable.tables import RunRecord
from durable.transitions import LIVE
from models.core.database import transaction

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
STATUSES = (*LIVE, "succeeded", "cancelled", "failed")

Command = TypeVar("Command", bound=Callable[..., Any])


class Age(click.ParamType[int]):
    """A duration, in seconds: `90`, `90s`, `15m`, `2h` or `1d`."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,6})([smhd]?)", str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 15m, 2h or 1d.", param, ctx)
        return int(found[1]) * UNITS[found[2] or "s"]


class RunId(click.ParamType[str]):
    """The id of a run, which is also the task id in the API."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"run_[0-9a-f]{32}", str(value)):
            self.fail(f"{value!r} is not the id of a run: run_ and 32 hex digits.", param, ctx)
        return value


class OrderOrUser(click.ParamType[str]):
    """The id or the number of an order (`ord`), or the id, the name or the e-mail address of a user (`usr`)."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.name = {"ord": "order", "usr": "user"}[prefix]

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(rf"{self.prefix}_[0-9a-f]{{32}}", str(value)):
            return value
        from models.operations import finding

        with transaction() as session:
            look_up = {"ord": finding.find_order_id, "usr": finding.find_user_id}[self.prefix]
            found = look_up(session, str(value))
        return found or self.fail(f"There is no {self.name} {value!r}.", param, ctx)


def filtered(command: Command) -> Command:
    """Adds the options that choose runs."""
    options = [
        click.option("--workflow", help="Only runs of this workflow."),
        click.option("--status", type=click.Choice(STATUSES), help="Only runs with this status."),
        click.option("--stuck", is_flag=True, default=None, help="Only stuck runs."),
        click.option("--order", "order_id", type=OrderOrUser("ord"), help="Only runs about this order: id or number."),
        click.option("--user", "owner", type=OrderOrUser("usr"), help="Only runs of this user: id, name or e-mail."),
        click.option("--request", "request_id", help="Only runs that this request started: its X-Request-Id."),
        click.option("--older-than", type=Age(), help="Only runs older than this: 90s, 15m, 2h, 1d."),
    ]  # fmt: skip
    return reduce(lambda made, option: option(made), reversed(options), command)


def in_bulk(command: Command) -> Command:
    """Adds the options of commands that change many runs."""
    limit = click.IntRange(1, 10_000)
    asked = click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)
    return click.option("--limit", type=limit, default=1000, show_default=True, help="Maximum number of runs.")(asked)


def select_runs(filters: Mapping[str, Any], limit: int, *, oldest: bool = False) -> list[RunRecord]:
    """The runs that match every option that was given: the newest, or the oldest, of them first."""
    from models.operations import run_search

    order = RunRecord.id if oldest else RunRecord.id.desc()
    with transaction() as session:
        return list(session.scalars(run_search.find_runs(session, **filters).order_by(order).limit(limit)))


def change_each(
    run_id: str | None, filters: Mapping[str, Any], limit: int, yes: bool, verb: str, change: Callable[[str], str]
) -> None:
    """Changes the run, or after a question all that match the options, and prints what `change` says of each.

    Each is a transaction of its own: what is refused does not affect the others, and makes the exit status 1.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    if run_id is not None:
        if given:
            raise click.UsageError("Give either the ID of a run or options that choose runs, not both.")
        click.echo(change(run_id))
        return
    if not given:
        raise click.UsageError("Name a run by its ID, or choose runs with options such as --stuck.")
    chosen = [run.id for run in select_runs(given, limit, oldest=True)]
    if not chosen:
        click.echo("No runs found.")
        return
    if not yes:
        more = f", the oldest {limit} of those that match" if len(chosen) == limit else ""
        click.confirm(f"{verb} {len(chosen)} runs{more}?", abort=True)
    sys.exit(1 if _change_all(chosen, change) else 0)


def _change_all(chosen: list[str], change: Callable[[str], str]) -> int:
    """Changes these runs; returns how many were refused."""
    refused = 0
    for run_id in chosen:
        try:
            click.echo(change(run_id))
        except click.ClickException as refusal:
            refused += 1
            click.echo(f"{run_id} is not changed: {refusal.message}")
    click.echo(f"{len(chosen) - refused} changed, {refused} refused.")
    return refused
