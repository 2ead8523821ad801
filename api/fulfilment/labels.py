"""Views of labels and rates, and the carrier's webhook."""

from flask import Response, g, request
from flask.views import MethodView

from api.fulfilment.blueprint import blueprint
from api.fulfilment.schemas import RatesQuery, ShippingRates
from api.http.auth import allowed, public
from api.http.errors import error_codes
from api.http.limits import limited
from models import fulfilment, returns
from models.core.database import transaction
from serving.labels import file_name, list_rates, prepare_rates, read_label
from tasks.gateways.carriers import carrier, labels

ACTOR = "carrier"
"""Who changes an order's status by the webhook, in its history."""


@blueprint.route('/fulfilments/<id("ful"):fulfilment_id>/label')
class LabelView(MethodView):
    @allowed("orders:write")
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
    def get(self, fulfilment_id: str) -> Response:
        """Returns the label of a parcel as a PDF file. 404 for a parcel without one, or whose label was refunded."""
        with transaction() as session:
            parcel = fulfilment.get_parcel(session, fulfilment_id)
        return pdf_of(parcel)


@blueprint.route("/shipping-rates")
class ShippingRatesView(MethodView):
    @allowed("orders:write")
    @error_codes("not_found", "nothing_to_ship", "no_carrier", "no_sender_address", "carrier_refused")
    @blueprint.arguments(RatesQuery, location="query")
    @limited("shipping_rates", by="caller")
    @blueprint.response(200, ShippingRates)
    def get(self, query: dict[str, str]) -> dict[str, object]:
        """Returns what the carriers charge for the next parcel of an order, cheapest first.

        It is the parcel that `POST /v1/orders/{id}/fulfilments` would ship without `lines`.
        """
        with transaction() as session:
            warehouse_id, asked = prepare_rates(session, g.principal, query["order_id"])
        rates = [
            {"carrier": rate.carrier, "service": rate.service, "delivery_days": rate.delivery_days,
             "price": {"amount": rate.amount, "currency": rate.currency}}
            for rate in list_rates(asked)
        ]  # fmt: skip
        return {"order_id": query["order_id"], "warehouse_id": warehouse_id, "data": rates}


@blueprint.route("/webhooks/carrier")
class CarrierWebhook(MethodView):
    @public
    @error_codes("bad_signature", "bad_request")
    @blueprint.response(204)
    def post(self) -> None:
        """Receives an event from the carrier. The signature is verified; duplicates are ignored.

        What it reports of a parcel is stored first, also of a tracking number that the shop does not know yet. Then the
        newest report is applied, so that the order in which events arrive does not matter.
        """
        reported = carrier(fulfilment.GATEWAY).verify_webhook(request.get_data(), dict(request.headers))
        if reported is None or reported.id is None:
            return
        with transaction() as session:
            fulfilment.record_update(session, labels.as_update(reported, reported.id))
        with transaction() as session:
            parcels = fulfilment.list_tracked(session, reported.tracking_number)
            sent_back = returns.list_tracked(session, reported.tracking_number)
        for parcel_id in parcels:
            with transaction() as session:
                fulfilment.follow_and_wake(session, parcel_id, ACTOR)
        for return_id in sent_back:
            with transaction() as session:
                returns.follow(session, return_id)


def pdf_of(row: fulfilment.HasLabel) -> Response:
    """The label of a parcel or a return. Raises NotFound without one, and CarrierDown."""
    headers = {"Content-Disposition": f'inline; filename="{file_name(row)}"'}
    return Response(read_label(row), headers=headers, content_type="application/pdf")
