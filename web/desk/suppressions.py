"""Addresses to which the shop sends nothing that is not mandatory: the list, and lifting a suppression."""

from flask import Response, url_for
from sqlalchemy.orm import Session

from models import notifications
from models.core.database import transaction
from models.core.errors import NotFound
from serving.pages import PageQuery
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.sending import Outcome, read_outcome, send, text


@desk.get("/suppressions")
@access.allowed("notifications:read")
def suppressions_page() -> Response:
    """The suppressed addresses and numbers, sorted."""
    return _show(read_outcome())


@desk.post("/suppressions/lift")
@takes_form
@access.allowed("notifications:write")
def lift_suppression() -> Response:
    """Sends everything to an address again."""

    def work(session: Session) -> str:
        if not notifications.lift_suppression(session, text("address")):
            raise NotFound("This address is not suppressed.")
        return url_for("desk.suppressions_page", done="suppression_lifted")

    return send(work, _show)


def _show(outcome: Outcome, status: int = 200) -> Response:
    filters = read_filters(PageQuery())
    with transaction() as session:
        found = read_rows(session, filters, notifications.select_suppressions, notifications.Suppression.address)
    return show("suppressions.html", status, section="desk.suppressions_page", suppressions=found["data"],
                cursor=found["next_cursor"], filters=filters, outcome=outcome)  # fmt: skip
