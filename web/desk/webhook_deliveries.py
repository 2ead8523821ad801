"""Deliveries of webhooks: one with its request and response, and delivering events again."""

import json
import re
from typing import Any

from flask import Response, url_for
from sqlalchemy.orm import Session

from api.webhooks.schemas import DeliveryPeriod
from models import webhooks
from models.core.database import transaction
from serving.webhooks import delivery_views
from web import access
from web.blueprint import desk, takes_form
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.desk.webhooks import ENDPOINT, act_on_endpoint

DELIVERY = '/webhooks/deliveries/<id("whd"):delivery_id>'


@desk.get(DELIVERY)
@access.allowed("webhooks:read")
def delivery_page(delivery_id: str) -> Response:
    """A delivery, with its request and the response to its last attempt."""
    return _show(delivery_id, read_outcome())


@desk.post(f"{DELIVERY}/redeliver")
@takes_form
@access.allowed("webhooks:write")
def redeliver(delivery_id: str) -> Response:
    """Delivers an event again, at once."""

    def work(session: Session) -> str:
        webhooks.redeliver(session, delivery_id)
        return url_for("desk.delivery_page", delivery_id=delivery_id, done="redelivering")

    return send(work, lambda outcome, status: _show(delivery_id, outcome, status))


@desk.post(f"{ENDPOINT}/redeliver")
@takes_form
@access.allowed("webhooks:write")
def redeliver_period(endpoint_id: str) -> Response:
    """Delivers the events of a period again, also those that happened while the endpoint was disabled."""

    def work(session: Session) -> str:
        body: Any = load(DeliveryPeriod(), **{"from": _moment(text("from")), "to": _moment(text("to"))})
        number = webhooks.redeliver_period(session, endpoint_id, body["start"], body["end"])
        return "redelivering_period" if number else "redelivering_nothing"

    return act_on_endpoint(endpoint_id, work)


def _moment(given: str) -> str:
    """What a browser sends for a date and a time, as UTC."""
    return f"{given}:00Z" if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", given) else given


def _show(delivery_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        delivery = webhooks.get_delivery(session, delivery_id)
        endpoint = webhooks.get_endpoint(session, delivery.endpoint_id)
        [shown] = delivery_views(session, [delivery])
    body = json.dumps(shown["request"]["body"], indent=2, ensure_ascii=False) if shown["request"]["body"] else ""
    return show("webhook_delivery.html", status, section="desk.webhooks_page", delivery=shown, body=body,
                endpoint=endpoint, outcome=outcome)  # fmt: skip
