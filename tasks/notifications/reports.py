"""Mails to users who have subscribed to reports."""

from sqlalchemy.orm import Session

from durable import Run
from models import accounts, reports
from models.core.workflow_inputs import ReportMailInput
from models.notifications import contexts, kinds
from tasks.notifications.sending import Request, compose, sends

MAILED_ROWS = 20_000
"""Lines of the largest workbook that is mailed: about a megabyte."""


@sends(kinds.REPORT_READY, queue="mass_mail")
def report_ready(session: Session, run: Run[ReportMailInput]) -> Request | None:
    """Sends a report to a subscriber, unless the subscription or the permission has ended meanwhile."""
    report = session.get(reports.Report, run.input["report_id"])
    user = accounts.get(session, run.input["user_id"])
    if report is None or not reports.is_subscribed(session, user.id, report.kind, run.input["schedule"]):
        return None
    fits = report.rows <= MAILED_ROWS
    context: contexts.ReportReady = {
        "first_name": user.first_name, "report_id": report.id, "kind": report.kind, "start": report.period_start,
        "end": report.period_end, "attached": fits,
        "totals": reports.totals_of(reports.KINDS[report.kind], report.totals),
    }  # fmt: skip
    request = compose(session, run, kinds.REPORT_READY, context, user.email, user.id, user.language)
    return request and {**request, "report": {"report_id": report.id, "workbook": fits}}
