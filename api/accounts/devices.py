"""Views of the devices of the signed-in user that receive push notifications."""

from typing import Any

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.accounts.blueprint import blueprint
from api.accounts.reach_schemas import Device, NewDevice, NewDeviceBody, PushKey
from api.http.auth import public, signed_in
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted
from durable import queries
from durable.tables import RunRecord
from models import accounts
from models.core.database import transaction
from models.core.errors import NotFound
from settings import settings
from tasks.gateways.push import web_push


@blueprint.route("/push-key")
class PushKeyView(MethodView):
    @public
    @error_codes("not_found")
    @blueprint.response(200, PushKey)
    def get(self) -> dict[str, str]:
        """Returns the key with which browsers subscribe, `applicationServerKey`. 404 if the shop sends no push."""
        if not settings.vapid:
            raise NotFound("This shop sends no push notifications.")
        return {"public_key": web_push.public_key()}


@blueprint.route("/me/devices")
class DevicesView(MethodView):
    @signed_in
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Device))
    def get(self, query: PageArgs) -> Page:
        """Returns your devices, oldest first."""
        with transaction() as session:
            found = page(session, accounts.list_devices(g.principal.user_id), accounts.Device.id, **query)
        found["data"] = [_view(device) for device in found["data"]]
        return found

    @signed_in
    @error_codes("url_not_allowed", "too_many_devices", "channel_unavailable")
    @blueprint.arguments(NewDevice)
    @idempotent()
    @blueprint.response(201, Device)
    def post(self, session: Session, body: NewDeviceBody) -> dict[str, Any]:
        """Adds a device. `subscription` is what the browser's `PushManager.subscribe` returns.

        A subscription that is known already gets the new keys, and is yours from now on.
        """
        subscription = body["subscription"]
        made = accounts.add_device(session, g.principal.user_id, subscription["endpoint"], subscription["keys"])
        return _view(made)

    @signed_in
    @blueprint.response(204)
    def delete(self) -> None:
        """Removes all your devices."""
        with transaction() as session:
            accounts.remove_devices(session, g.principal.user_id)


@blueprint.route('/me/devices/<id("dev"):device_id>')
class DeviceView(MethodView):
    @signed_in
    @blueprint.response(200, Device)
    def get(self, device_id: str) -> dict[str, Any]:
        """Returns a device."""
        with transaction() as session:
            return _view(accounts.get_device(session, g.principal.user_id, device_id))

    @signed_in
    @blueprint.response(204)
    def delete(self, device_id: str) -> None:
        """Removes a device."""
        with transaction() as session:
            accounts.remove_device(session, g.principal.user_id, device_id)


def _device_of_run(session: Session, run: RunRecord) -> dict[str, Any]:
    return _view(accounts.get_device(session, g.principal.user_id, run.input["device_id"]))


@blueprint.route('/me/devices/<id("dev"):device_id>/test')
class DeviceTestView(MethodView):
    @signed_in
    @error_codes("too_many_requests")
    @may_wait(WaitResult(Device, "task", _device_of_run, status=200))
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, device_id: str) -> TaskAnswer:
        """Sends a push notification to the device. Once it is accepted, the device is `verified`."""
        accounts.take_attempt(session, accounts.push_limits(g.principal.user_id))
        return accept(queries.get_run(session, accounts.test_device(session, g.principal.user_id, device_id)))


def _view(device: accounts.Device) -> dict[str, Any]:
    """Without the endpoint and the keys, with which anybody could send to it."""
    shown = {name: getattr(device, name) for name in ("id", "type", "sent_at", "created_at")}
    return {**shown, "service": accounts.host_of(device.endpoint), "verified": device.sent_at is not None}
