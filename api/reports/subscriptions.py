"""Views of subscriptions: which reports the user is sent, and how often."""

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.reports.blueprint import blueprint
from api.reports.schemas import ReportSubscriptions, ReportSubscriptionsBody
from models import reports
from models.core.database import transaction
from models.core.errors import NotAllowed


@blueprint.route("/reports/subscriptions")
class ReportSubscriptionsView(MethodView):
    @allowed(reports.PERMISSION)
    @blueprint.response(200, ReportSubscriptions)
    def get(self) -> dict[str, object]:
        """Returns the reports that you are sent by e-mail."""
        _refuse_keys()
        with transaction() as session:
            return _view(session)

    @allowed(reports.PERMISSION)
    @error_codes("not_found")
    @blueprint.arguments(ReportSubscriptions)
    @idempotent()
    @blueprint.response(200, ReportSubscriptions)
    def put(self, session: Session, body: ReportSubscriptionsBody) -> dict[str, object]:
        """Replaces the reports that you are sent: daily, weekly on Mondays, or monthly on the first.

        They are sent as long as you have the permission.
        """
        _refuse_keys()
        wanted = {(one["kind"], one["schedule"]) for one in body["data"]}
        reports.set_subscriptions(session, g.principal.user_id, wanted)
        return _view(session)


def _refuse_keys() -> None:
    """A key cannot access the account of its creator."""
    if g.principal.key_id is not None:
        raise NotAllowed("This requires a signed-in user; API keys are not accepted.")


def _view(session: Session) -> dict[str, object]:
    return {"data": list(reports.list_subscriptions(session, g.principal.user_id))}
