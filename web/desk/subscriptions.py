"""The reports that the user is sent: daily, weekly on Mondays, or monthly on the first."""

from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.reports.schemas import ReportSubscriptions
from models import reports
from models.core.database import transaction
from web import access
from web.blueprint import desk, takes_form
from web.desk.pages import show
from web.desk.report_words import ABOUT, SCHEDULES, title_of
from web.desk.sending import Outcome, load, read_outcome, send
from web.desk.versions import check_version, version_of


@desk.get("/reports/subscriptions")
@access.allowed(reports.PERMISSION)
def subscriptions_page() -> Response:
    """The reports that the user is sent."""
    return _show(read_outcome())


@desk.post("/reports/subscriptions")
@takes_form
@access.allowed(reports.PERMISSION)
def subscribe() -> Response:
    """Replaces them by those that are ticked, unless they were changed in another window."""

    def work(session: Session) -> str:
        ticked = [one.partition(":")[::2] for one in request.form.getlist("wanted")]
        given = [{"kind": kind, "schedule": schedule} for kind, schedule in ticked]
        wanted: Any = load(ReportSubscriptions(), data=given)["data"] if given else []
        check_version(*_mine(session))
        pairs = {(one["kind"], one["schedule"]) for one in wanted}
        reports.set_subscriptions(session, g.principal.user_id, pairs)
        return url_for("desk.subscriptions_page", done="subscribed")

    return send(work, _show)


def _mine(session: Session) -> list[tuple[str, str]]:
    return [(one.kind, one.schedule) for one in reports.list_subscriptions(session, g.principal.user_id)]


def _show(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        mine = _mine(session)
    return show("subscriptions.html", status, section="desk.subscriptions_page", mine=mine, version=version_of(*mine),
                kinds=reports.KINDS, schedules=SCHEDULES, title_of=title_of, about=ABOUT, outcome=outcome)  # fmt: skip
