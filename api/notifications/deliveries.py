"""Views of the delivery log, of bounces, and of the addresses that they suppress."""

from typing import Any

from flask import g
from flask.views import MethodView

import serving.notifications
from api.http.auth import allowed, user_or_api_key
from api.http.errors import error_codes
from api.http.pagination import Page, PageArgs, PageQuery, mark_page, page, page_of
from api.notifications.blueprint import blueprint
from api.notifications.schemas import (
    BounceReport,
    BounceReportBody,
    Notification,
    NotificationText,
    Suppression,
)
from models import notifications
from models.core.database import transaction
from models.core.errors import NotFound
from serving.notifications import NotificationQuery


@blueprint.route("/notifications")
class NotificationsView(MethodView):
    @user_or_api_key
    @error_codes("not_allowed")
    @blueprint.arguments(NotificationQuery, location="query")
    @blueprint.response(200, page_of(Notification))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns what was sent to you, newest first, or to another user, with the permission `notifications:read`."""
        mark_page()
        return serving.notifications.list_of_user(g.principal, query)


@blueprint.route('/notifications/<id("ntf"):notification_id>')
class NotificationView(MethodView):
    @user_or_api_key
    @blueprint.response(200, NotificationText)
    def get(self, notification_id: str) -> dict[str, object]:
        """Returns what was sent to you, with its text; with the permission `notifications:read`, to anybody.

        Tokens are in the sent mail alone, and links are without their query. The text is empty once the account is
        closed.
        """
        return serving.notifications.read_one(g.principal, notification_id)


@blueprint.route("/notifications/suppressions")
class SuppressionsView(MethodView):
    @allowed("notifications:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Suppression))
    def get(self, query: PageArgs) -> Page:
        """Returns the addresses to which only mandatory mails are sent, and the numbers to which nothing is, sorted."""
        with transaction() as session:
            return page(session, notifications.select_suppressions(), notifications.Suppression.address, **query)


@blueprint.route("/notifications/suppressions/<address>")
class SuppressionView(MethodView):
    @allowed("notifications:write")
    @blueprint.response(204)
    def delete(self, address: str) -> None:
        """Sends everything to an address again."""
        with transaction() as session:
            if not notifications.lift_suppression(session, address):
                raise NotFound("This address is not suppressed.")


@blueprint.route("/webhooks/bounces")
class BounceWebhook(MethodView):
    @allowed("notifications:write")
    @blueprint.arguments(BounceReport)
    @blueprint.response(204)
    def post(self, body: BounceReportBody) -> None:
        """Receives a bounce or a complaint from the mail or SMS provider, which signs in with an API key.

        Permanent bounces and complaints suppress the address. `address`: a mail address, or a number in E.164.
        `message_id`: the Message-ID of the mail, or the id of the notification.
        """
        with transaction() as session:
            notifications.record_bounce(session, body["address"], body["type"], body["reason"], body.get("message_id"))
