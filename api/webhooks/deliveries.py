"""Views of the log of webhook deliveries."""

from typing import Any

from flask.views import MethodView

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.pagination import Page, page, page_of
from api.webhooks.blueprint import blueprint
from api.webhooks.schemas import DeliveryPeriod, DeliveryPeriodBody, DeliveryQuery, Redelivered, WebhookDelivery
from models import webhooks
from models.core.database import transaction
from serving.webhooks import delivery_views


@blueprint.route('/endpoints/<id("whe"):endpoint_id>/deliveries')
class DeliveriesView(MethodView):
    @allowed("webhooks:read")
    @blueprint.arguments(DeliveryQuery, location="query")
    @blueprint.response(200, page_of(WebhookDelivery))
    def get(self, query: dict[str, Any], endpoint_id: str) -> Page:
        """Returns the deliveries to an endpoint with request and response, those of the newest events first."""
        chosen = {name: query.pop(name, None) for name in ("status", "type")}
        with transaction() as session:
            webhooks.get_endpoint(session, endpoint_id)
            listed = webhooks.list_deliveries(endpoint_id, **chosen)
            found = page(session, listed, webhooks.Delivery.event_id.desc(), **query)
            found["data"] = delivery_views(session, found["data"])
            return found


@blueprint.route('/endpoints/<id("whe"):endpoint_id>/redeliver')
class RedeliverPeriodView(MethodView):
    @allowed("webhooks:write")
    @error_codes("endpoint_disabled", "too_many_events")
    @blueprint.arguments(DeliveryPeriod)
    @blueprint.response(200, Redelivered)
    def post(self, body: DeliveryPeriodBody, endpoint_id: str) -> object:
        """Delivers the events of a period again, also those that happened while the endpoint was disabled."""
        with transaction() as session:
            number = webhooks.redeliver_period(session, endpoint_id, body["start"], body["end"])
        return {"deliveries": number}


@blueprint.route('/deliveries/<id("whd"):delivery_id>/redeliver')
class RedeliverView(MethodView):
    @allowed("webhooks:write")
    @error_codes("endpoint_disabled")
    @blueprint.response(200, WebhookDelivery)
    def post(self, delivery_id: str) -> object:
        """Delivers an event again, at once and under the same `webhook-id`."""
        with transaction() as session:
            return delivery_views(session, [webhooks.redeliver(session, delivery_id)])[0]
