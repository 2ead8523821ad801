"""Views of payments, and the payment gateway's webhook."""

from flask import g, request
from flask.views import MethodView
from sqlalchemy import Select, select

from api.http.auth import public, user_or_api_key
from api.http.errors import error_codes
from api.http.fields import Schema
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.payments.blueprint import blueprint
from api.payments.schemas import Payment, PaymentSummary, Transaction
from durable import transitions
from models import orders, payments
from models.core.database import transaction
from models.core.errors import NotFound
from tasks.gateways.payments import stripe as gateway


@blueprint.route("/payments")
class PaymentsView(MethodView):
    @user_or_api_key
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(PaymentSummary))
    def get(self, query: PageArgs) -> Page:
        """Returns your payments, newest first; with the permission `payments:read`, all payments."""
        with transaction() as session:
            found = page(session, _visible(), payments.Payment.id.desc(), **query)
            found["data"] = [_view(payment) for payment in found["data"]]
        return found


@blueprint.route('/payments/<id("pay"):payment_id>')
class PaymentView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Payment)
    def get(self, payment_id: str) -> dict[str, object]:
        """Returns a payment with its gateway transactions."""
        with transaction() as session:
            payment = session.scalars(_visible().where(payments.Payment.id == payment_id)).one_or_none()
            if payment is None:
                raise NotFound("No such payment.")
            done = payments.transactions_of(session, payment_id)
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
        event = gateway.parse_webhook(request.get_data(), request.headers.get("Stripe-Signature", ""))
        with transaction() as session:
            order_id = event.metadata.get("order_id")
            if not payments.note_event(session, event.id, event.type, event.reference) or order_id is None:
                return
            transitions.wake_pausing(session, "checkout", order_id)


def _visible() -> Select[payments.Payment]:
    chosen = select(payments.Payment)
    if "payments:read" in g.principal.permissions:
        return chosen
    return chosen.join(orders.Order, orders.Order.id == payments.Payment.order_id).where(
        orders.Order.user_id == g.principal.user_id
    )


def _view(payment: payments.Payment) -> dict[str, object]:
    amount = {"amount": payment.amount, "currency": payment.currency}
    return {**_fields(payment, PaymentSummary), "amount": amount}


def _fields(row: object, schema: type[Schema]) -> dict[str, object]:
    return {name: getattr(row, name) for name in schema._declared_fields}
