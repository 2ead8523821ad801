"""Views of webhook endpoints."""

from flask import url_for
from flask.views import MethodView

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.webhooks.blueprint import blueprint
from api.webhooks.schemas import (
    EndpointChanges,
    EndpointChangesBody,
    NewEndpoint,
    NewEndpointBody,
    WebhookEndpoint,
    WebhookEndpointWithSecret,
)
from models import webhooks
from models.core.database import transaction

LOCATION = {"Location": {"schema": {"type": "string"}}}


@blueprint.route("/endpoints")
class EndpointsView(MethodView):
    @allowed("webhooks:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(WebhookEndpoint))
    def get(self, query: PageArgs) -> Page:
        """Returns all endpoints, newest first."""
        with transaction() as session:
            return page(session, webhooks.list_endpoints(), webhooks.Endpoint.id.desc(), **query)

    # No Idempotency-Key: the response would be stored, and the secret with it.
    @allowed("webhooks:write")
    @error_codes("url_not_allowed", "too_many_endpoints")
    @blueprint.arguments(NewEndpoint)
    @blueprint.response(201, WebhookEndpointWithSecret, headers=LOCATION)
    def post(self, body: NewEndpointBody) -> tuple[object, int, dict[str, str]]:
        """Creates an endpoint, to which events are delivered from now on. Only this response contains the secret."""
        with transaction() as session:
            made = webhooks.create_endpoint(session, **body)
        return made, 201, {"Location": url_for("webhooks.EndpointView", endpoint_id=made.id)}


@blueprint.route('/endpoints/<id("whe"):endpoint_id>')
class EndpointView(MethodView):
    @allowed("webhooks:read")
    @blueprint.response(200, WebhookEndpoint)
    def get(self, endpoint_id: str) -> object:
        """Returns an endpoint."""
        with transaction() as session:
            return webhooks.get_endpoint(session, endpoint_id)

    @allowed("webhooks:write")
    @error_codes("url_not_allowed")
    @blueprint.arguments(EndpointChanges)
    @blueprint.response(200, WebhookEndpoint)
    def patch(self, body: EndpointChangesBody, endpoint_id: str) -> object:
        """Changes an endpoint, or enables it again: then with events from now on, and with those that were pending."""
        with transaction() as session:
            return webhooks.update_endpoint(session, endpoint_id, body)

    @allowed("webhooks:write")
    @blueprint.response(204)
    def delete(self, endpoint_id: str) -> None:
        """Deletes an endpoint and its secret."""
        with transaction() as session:
            webhooks.delete_endpoint(session, endpoint_id)


@blueprint.route('/endpoints/<id("whe"):endpoint_id>/rotate')
class RotateView(MethodView):
    @allowed("webhooks:write")
    @blueprint.response(200, WebhookEndpointWithSecret)
    def post(self, endpoint_id: str) -> object:
        """Gives an endpoint a new secret. The previous one signs, too, for 24 hours."""
        with transaction() as session:
            return webhooks.rotate_secret(session, endpoint_id)
