"""Views of payments, and the payment gateway's webhook."""

from flask import g, request
from flask.views import MethodView

from api.http.auth import public, user_or_api_key
from api.http.errors import error_codes
from api.http.fields import Schema
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.payments.blueprint import blueprint
from api.payments.schemas import Payment, PaymentSummary, Transaction
from models import orders, payments
from models.core.database import transaction
from tasks.gateways.payments import provider


@blueprint.route("/payments")
class PaymentsView(MethodView):
    @user_or_api_key
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(PaymentSummary))
    def get(self, query: PageArgs) -> Page:
        """Returns your payments, newest first; with the permission `payments:read`, all payments."""
        with transaction() as session:
            found = page(session, orders.select_visible_payments(g.principal), payments.Payment.id.desc(), **query)
            found["data"] = [_view(payment) for payment in found["data"]]
        return found


@blueprint.route('/payments/<id("pay"):payment_id>')
class PaymentView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Payment)
    def get(self, payment_id: str) -> dict[str, object]:
        """Returns a payment with its gateway transactions."""
        with transaction() as session:
            payment = orders.get_visible_payment(session, payment_id, g.principal)
            done = payments.list_transactions(session, payment_id)
        view = _view(payment)
        view["transactions"] = [
            {**_fields(t, Transaction), "amount": {"amount": t.amount, "currency": payment.currency}} for t in done
        ]
        return view


@blueprint.route("/webhooks/payments")
class PaymentWebhook(MethodView):
    @public
    @error_codes("bad_signature", "bad_request")
    @blueprint.response(204)
    def post(self) -> None:
        """Receives an event from the payment gateway. The signature is verified; duplicates are ignored.

        The contents of an event are not trusted: it only wakes a checkout that is waiting for its next attempt, which
        then queries the gateway.
        """
        event = provider(payments.GATEWAY).verify_webhook(request.get_data(), dict(request.headers))
        with transaction() as session:
            payments.record_webhook_event(session, event.id, event.type, event.reference, event.order_id)


def _view(payment: payments.Payment) -> dict[str, object]:
    amount = {"amount": payment.amount, "currency": payment.currency}
    return {**_fields(payment, PaymentSummary), "amount": amount}


def _fields(row: object, schema: type[Schema]) -> dict[str, object]:
    return {name: getattr(row, name) for name in schema._declared_fields}
