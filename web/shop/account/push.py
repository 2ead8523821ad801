"""Push notifications: the browsers that get them are listed, added, tested and removed.

A browser subscribes with a script (`push.js`), and shows what arrives by a service worker (`push_worker.js`).
"""

import json

from flask import Response, g, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from api.accounts.reach_schemas import NewDevice, NewDeviceBody, SubscriptionBody
from api.http.auth import public
from durable import Refusal
from models import accounts
from models.core.database import transaction
from models.core.errors import TooManyRequests
from models.core.tokens import digest
from tasks.gateways.push import web_push
from web import access, assets, once
from web.blueprint import shop, takes_form
from web.forms import Form
from web.language import gettext
from web.pages import policy, see
from web.shop.account.acting import act, has_channel, show, slow_down

DEVICE = '/account/push/<id("dev"):device_id>'
POLICY = policy(worker_src="'self'")
UNUSABLE = ("invalid_fields", "url_not_allowed")
"""Refusals of a subscription that no customer can mend."""


@shop.get("/account/push")
@access.signed_in
def push() -> Response:
    """The browsers that get push notifications, and the form that adds this one."""
    return _push(Form())


@shop.get("/account/push/worker.js")
@public
def push_worker() -> Response:
    """The service worker. Its address is always the same: browsers look there for a new version."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'"}
    return Response(assets.content("push_worker.js"), headers=headers, content_type=assets.KINDS["js"])


@shop.post("/account/push")
@takes_form
@access.signed_in
def add_device() -> Response:
    """Adds the browser, with the subscription that its script has put into the form."""
    form, given = Form(), _subscription()
    if given is None:
        form.refusal = gettext("Your browser has sent no subscription. Please try again.")
        return _push(form, 422)

    def work(session: Session) -> str:
        accounts.add_device(session, g.principal.user_id, given["endpoint"], given["keys"])
        return url_for("shop.push", done="push_added")

    try:
        return once.once(work)
    except Refusal as error:
        if error.code in UNUSABLE:
            form.refusal = gettext("We cannot send notifications to this browser. Please use another one.")
        else:
            form.refuse(error)
    return _push(form, 422)


@shop.post(f"{DEVICE}/test")
@takes_form
@access.signed_in
def send_test(device_id: str) -> Response:
    """Sends a notification to the browser."""
    form = Form()

    def work(session: Session) -> str:
        accounts.take_attempt(session, accounts.push_limits(g.principal.user_id))
        accounts.test_device(session, g.principal.user_id, device_id)
        return url_for("shop.push", done="push_tested")

    try:
        return act(work, form, _push)
    except TooManyRequests as error:
        return slow_down(error, form, _push)


@shop.post(f"{DEVICE}/remove")
@takes_form
@access.signed_in
def remove_device(device_id: str) -> Response:
    """Removes the browser."""
    with transaction() as session:
        accounts.remove_device(session, g.principal.user_id, device_id)
    return see("shop.push", done="push_removed")


def _subscription() -> SubscriptionBody | None:
    """What a script has put into the form; None if it is no subscription."""
    try:
        body: NewDeviceBody = NewDevice().load({"subscription": json.loads(request.form.get("subscription", ""))})
    except (ValueError, RecursionError, ValidationError):
        return None
    return body["subscription"]


def _push(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        found = session.scalars(accounts.list_devices(g.principal.user_id).order_by(accounts.Device.id)).all()
    key = web_push.public_key() if has_channel("push") else ""
    page = show(
        "push.html", form, status, devices=found, key=key, host_of=accounts.host_of, digest=digest
    )  # fmt: skip
    page.headers["Content-Security-Policy"] = POLICY
    return page
