"""Views of templates: staff read, change, preview and test them."""

from typing import get_type_hints

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.limits import limited
from api.http.prefer_wait import WaitResult, may_wait
from api.notifications.blueprint import blueprint
from api.notifications.schemas import (
    Notification,
    NotificationTest,
    NotificationTestBody,
    Preview,
    Template,
    TemplateEdit,
    Templates,
)
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted
from durable import queries
from durable.tables import RunRecord
from models import notifications
from models.core.database import transaction
from serving.notifications import preview_template, send_test

ONE = "/notification-templates/<kind>/<channel>/<language>"


@blueprint.route("/notification-templates")
class TemplatesView(MethodView):
    @allowed("notifications:read")
    @blueprint.response(200, Templates)
    def get(self) -> dict[str, object]:
        """Returns all templates, by kind, channel and language."""
        with transaction() as session:
            return {"data": [_view(template) for template in notifications.list_templates(session)]}


@blueprint.route(ONE)
class TemplateView(MethodView):
    @allowed("notifications:read")
    @blueprint.response(200, Template)
    def get(self, kind: str, channel: str, language: str) -> dict[str, object]:
        """Returns a template as it is used: that of the shop, or as staff have changed it."""
        with transaction() as session:
            return _view(notifications.get_template(session, (kind, channel, language)))

    @allowed("notifications:write")
    @error_codes("template_refused")
    @blueprint.arguments(TemplateEdit)
    @blueprint.response(200, Template)
    def patch(self, body: dict[str, str], kind: str, channel: str, language: str) -> dict[str, object]:
        """Changes the subject, the text or both. Workers use them within five seconds."""
        with transaction() as session:
            return _view(notifications.change_template(session, (kind, channel, language), body))

    @allowed("notifications:write")
    @blueprint.response(204)
    def delete(self, kind: str, channel: str, language: str) -> None:
        """Goes back to the shop's own template. A second call changes nothing."""
        with transaction() as session:
            notifications.reset_template(session, (kind, channel, language))


@blueprint.route(f"{ONE}/preview")
class PreviewView(MethodView):
    @allowed("notifications:write")
    @error_codes("template_refused")
    @blueprint.arguments(TemplateEdit)
    @blueprint.response(200, Preview)
    def post(self, body: dict[str, str], kind: str, channel: str, language: str) -> dict[str, str]:
        """Renders a subject and a text with the kind's example; by default those of the template. Saves nothing."""
        with transaction() as session:
            return preview_template(session, (kind, channel, language), body)


def _delivery_of_run(session: Session, run: RunRecord) -> notifications.Delivery:
    return notifications.find_delivery(session, f"{run.workflow}:{run.key}")


@blueprint.route("/notifications/test")
class TestView(MethodView):
    @allowed("notifications:write")
    @error_codes("not_reachable", "not_found")
    @blueprint.arguments(NotificationTest)
    @limited("test_messages", by="caller")
    @may_wait(WaitResult(Notification, "task", _delivery_of_run, status=200))
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: NotificationTestBody) -> TaskAnswer:
        """Sends a notification with its example to yourself, by the template in use.

        By mail to your address, as a text message to your verified number, or to the device that you have added last.
        """
        return accept(queries.get_run(session, send_test(session, g.principal.user_id, **body)))


def _view(template: notifications.Template) -> dict[str, object]:
    kind = notifications.KINDS[template.kind]
    return {**vars(template), "audience": kind.audience, "names": sorted(get_type_hints(kind.context))}
