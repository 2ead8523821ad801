"""Views of payments, and the payment gateway's webhook."""

from html import escape
from typing import Any, NotRequired, TypedDict

from flask import Response, g, request
from flask.views import MethodView
from sqlalchemy.orm import Session

import serving.payments
from api.http.auth import allowed, public, user_or_api_key
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, mark_page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.payments.blueprint import blueprint
from api.payments.schemas import AcceptedTransaction, Capture, Payment, PaymentSummary, Refund
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from design import BASE, policy_for, read_styles
from durable import queries
from durable.tables import RunRecord
from models import orders, payments
from models.core.database import transaction
from serving.payments import PaymentQuery, payment_detail
from settings import settings
from tasks.gateways.payments import provider


class RefundBody(TypedDict):
    amount: NotRequired[int]
    reason: str


@blueprint.route("/payments")
class PaymentsView(MethodView):
    @user_or_api_key
    @error_codes("not_allowed")
    @blueprint.arguments(PaymentQuery, location="query")
    @blueprint.response(200, page_of(PaymentSummary))
    def get(self, query: Any) -> Page:
        """Returns your payments, newest first; with the permission `payments:read`, all payments.

        All other parameters than `limit` and `cursor` are filters, which require `payments:read`.
        """
        place: PageArgs = {"limit": query.pop("limit"), "cursor": query.pop("cursor")}
        mark_page()
        return serving.payments.list_visible(g.principal, place, query)


@blueprint.route('/payments/<id("pay"):payment_id>')
class PaymentView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Payment)
    def get(self, payment_id: str) -> dict[str, object]:
        """Returns a payment with its gateway transactions."""
        return serving.payments.read_visible(g.principal, payment_id)


def _payment_of_run(session: Session, run: RunRecord) -> object:
    return payment_detail(session, payments.get_payment(session, run.input["payment_id"]))


WAIT_RESULT = WaitResult(Payment, "payment", _payment_of_run, status=200)


@blueprint.route('/payments/<id("pay"):payment_id>/capture')
class CaptureView(MethodView):
    @allowed("payments:capture")
    @error_codes("wrong_state", "amount_too_large", "capture_in_progress", "payment_refused")
    @blueprint.arguments(Capture, required=False)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedTransaction, headers=LOCATION)
    def post(self, session: Session, body: dict[str, int], payment_id: str) -> TaskAnswer:
        """Captures an authorised payment, once; what is not captured is released.

        The task has succeeded when the gateway has captured the money. If the gateway refuses, the task ends with its
        reason and the transaction has failed.
        """
        asked = orders.capture_payment(session, payment_id, body.get("amount"), owner=g.principal.user_id)
        return _accepted(session, asked)


@blueprint.route('/payments/<id("pay"):payment_id>/refunds')
class RefundsView(MethodView):
    @allowed("payments:refund")
    @error_codes("wrong_state", "amount_too_large", "payment_disputed", "payment_refused")
    @blueprint.arguments(Refund)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedTransaction, headers=LOCATION)
    def post(self, session: Session, body: RefundBody, payment_id: str) -> TaskAnswer:
        """Refunds captured money, in whole or in part. Issues a credit note and notifies the customer.

        The task has succeeded when the gateway has accepted the refund. It may fail later: its transaction is then
        `failed`, staff are notified, and this request repeats it. What is credited already is not credited again.
        """
        asked = payments.request_refund(
            session, payment_id, body.get("amount"), body["reason"], owner=g.principal.user_id
        )
        return _accepted(session, asked)


def _accepted(session: Session, asked: payments.Transaction) -> TaskAnswer:
    assert asked.run_id is not None
    run = queries.get_run(session, asked.run_id)
    return accept(run, payment_id=asked.payment_id, transaction_id=asked.id)


def _receive(gateway: str) -> None:
    event = provider(gateway).verify_webhook(request.get_data(), dict(request.headers))
    with transaction() as session:
        is_new = payments.record_webhook_event(session, event.id, event.type, event.reference, event.order_id)
        if is_new and event.is_report:
            payments.follow_report(session, gateway, event.id, event.reference, event.payment_id)


@blueprint.route("/webhooks/payments")
class PaymentWebhook(MethodView):
    @public
    @error_codes("bad_signature", "bad_request")
    @blueprint.response(204)
    def post(self) -> None:
        """Receives an event from Stripe. The signature is verified; duplicates are ignored.

        The contents of an event are not trusted: it only wakes a checkout that is waiting for its customer or for its
        next attempt, or starts an update of the payment's refunds and disputes, which then queries the gateway.
        """
        _receive("stripe")


@blueprint.route("/webhooks/paypal")
class PayPalWebhook(MethodView):
    @public
    @error_codes("bad_signature", "bad_request", "unavailable")
    @blueprint.response(204)
    def post(self) -> None:
        """Receives an event from PayPal, which is asked to verify the signature; duplicates are ignored.

        As with Stripe, the contents of an event are not trusted.
        """
        _receive("paypal")


STYLE = read_styles(*BASE)
RETURN_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Payment</title><style>{STYLE}</style></head>
<body class="alone"><header class="alone-top"><span class="alone-brand">{escape(settings.seller_name)}</span></header>
<main><h1>Thank you</h1>
<p>The shop is now checking your payment. You can close this page.</p></main></body></html>
"""


@blueprint.route("/payments/return")
class ReturnView(MethodView):
    @public
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    def get(self) -> Response:
        """The page to which customers return after they have confirmed a payment, without a `return_url`."""
        return Response(RETURN_PAGE, mimetype="text/html", headers={"Content-Security-Policy": policy_for(STYLE)})
