"""Steps of the reports service: writing a report slice by slice, mailing it, and folding daily sales."""

from datetime import UTC, date, datetime, timedelta
from typing import cast

from sqlalchemy.orm import Session

import durable
from durable import Run, Service, queries
from models import reports
from models.core.workflow_inputs import ReportInput, SlotInput, UserInput

service = Service("reports")


@service.step(long=True, replayable=True)
def slice_report(session: Session, run: Run[ReportInput]) -> reports.Scope:
    """Determines the scope of the report: its kind, its period, and the slices by which it is written.

    The report of a daily slot, `2026-11-22`, is on the levels of the previous day. A replay writes the same report
    again, under its id.
    """
    about, report_id = run.input, _id_of(session, run)
    reports.discard(session, report_id)
    if "from" in about:
        start, end = (datetime.fromisoformat(about[name]) for name in ("from", "to"))
    else:
        end = datetime.fromisoformat(about["slot"]).replace(tzinfo=UTC)
        start = end - timedelta(days=1)
    kind = reports.KINDS[about.get("kind", "levels")]
    return {
        "report_id": report_id, "kind": kind.name, "start": start.isoformat(), "end": end.isoformat(),
        "options": cast(reports.Options, about.get("options", {})), "slices": reports.cut(session, kind, start, end),
    }  # fmt: skip


def _id_of(session: Session, run: Run[ReportInput]) -> str:
    """The id of the report. Runs of the release before chose one at random, which a replay finds in what it repeats."""
    before = [kept.output for kept in queries.attempts_of_step(session, run.id, slice_report.name) if kept.output]
    if before:
        return str(before[0]["report_id"])
    return run.input.get("report_id") or f"rep_{run.id.removeprefix('run_')}"


@service.step_for_each(replayable=True)
def part(session: Session, run: Run[ReportInput], number: str) -> dict[str, int]:
    """Writes the lines of one slice."""
    return {"rows": reports.write_slice(session, _scope(run), int(number))}


@service.step(long=True, replayable=True)
def write(session: Session, run: Run[ReportInput]) -> dict[str, object]:
    """Adds up the lines and publishes the report."""
    rows = sum(output["rows"] for output in run.outputs(part).values())
    report = reports.publish(session, _scope(run), run.key, run.id, rows)
    return {"report_id": report.id, "kind": report.kind, "slot": report.slot, "totals": report.totals}


@service.step(replayable=True)
def mail_subscribers(session: Session, run: Run[ReportInput]) -> dict[str, object]:
    """Starts the mails to the subscribers of a scheduled report, once to each. The result of the run is that of
    `write`."""
    written = run.output(write) or {}
    schedule = run.input.get("schedule", "daily" if "slot" in run.input else None)
    if schedule is not None:
        reports.start_mails(session, str(written["report_id"]), str(written.get("kind", "levels")), schedule)
    return written


def _scope(run: Run[ReportInput]) -> reports.Scope:
    begun = run.output(slice_report)
    assert begun is not None
    return begun


@service.step
def start_due(session: Session, run: Run[SlotInput]) -> dict[str, list[str]]:
    """Starts the reports that have subscribers on this day."""
    return {"reports": reports.start_due(session, date.fromisoformat(run.input["slot"]))}


@service.step(long=True)
def fold_sales(session: Session, run: Run[SlotInput]) -> dict[str, object]:
    """Adds a portion of the changes of sales to the daily totals, and starts a run for the next portion."""
    folded = reports.fold(session)
    if folded < reports.PORTION:
        return {"folded": folded}
    number = run.input.get("portion", 1) + 1
    about: SlotInput = {"slot": run.input["slot"], "portion": number}
    following = durable.start(session, run.workflow, key=f"{run.input['slot']}/{number}", input=about)
    return {"folded": folded, "next": following}


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> None:
    """Deletes the subscriptions of a user whose account is closed."""
    reports.unsubscribe_all(session, run.input["user_id"])
