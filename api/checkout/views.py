"""The checkout view."""

from flask import g, request, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.checkout.blueprint import blueprint
from api.checkout.schemas import AcceptedOrder
from api.http.auth import signed_in
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.prefer_wait import WaitResult, may_wait
from api.orders.schemas import Order
from durable.tables import RunRecord
from models import orders
from serving.checkout import CheckoutRequest, CheckoutRequestBody, place
from serving.orders import order_views
from settings import settings


def _order(session: Session, run: RunRecord) -> object:
    return order_views(session, [orders.get(session, run.input["order_id"])], g.principal)[0]


EXAMPLE = {
    "address": {"line1": "12 St James's Square", "city": "London", "country": "GB"},
    "payment": {"method": "pm_card_visa"},
}


@blueprint.route("/checkout")
class CheckoutView(MethodView):
    @signed_in
    @error_codes(
        "cart_empty",
        "checkout_in_progress",
        "product_unavailable",
        "order_too_large",
        "too_many_lines",
        "not_found",
        "overloaded",
        "payment_declined",
        "insufficient_stock",
        "wrong_state",
    )
    @blueprint.arguments(CheckoutRequest(), example=EXAMPLE)
    @may_wait(WaitResult(Order, "order", _order))
    @idempotent(required=True)
    @blueprint.response(202, AcceptedOrder, headers={"Location": {"schema": {"type": "string"}}})
    def post(self, session: Session, body: CheckoutRequestBody) -> tuple[object, int, dict[str, str]]:
        """Places an order from the cart and starts the checkout workflow.

        Returns 202 and the task to follow. With `Prefer: wait=N`, waits up to N seconds and returns the order, the
        error, or the 202 with the `next_action` of a payment that the customer has to confirm (3-D Secure, PayPal).
        """
        try:
            order = place(session, g.principal.user_id, body, _return_page())
        except orders.InProgress as refusal:
            refusal.extra["links"] = _links(refusal.extra["task_id"], refusal.extra["order_id"])
            raise
        links = _links(order.run_id, order.id)
        accepted = {"task_id": order.run_id, "status": "running", "order_id": order.id, "links": links}
        return accepted, 202, {"Location": links["task"], "Retry-After": "1"}


def _return_page() -> str:
    """Where providers return customers whose client names no page. Behind a proxy, the request has another address."""
    return f"{settings.api_url or request.host_url.rstrip('/')}{url_for('payments.ReturnView')}"


def _links(run_id: str, order_id: str) -> dict[str, str]:
    task = url_for("tasks.TaskView", run_id=run_id)
    return {"task": task, "order": url_for("orders.OrderView", order_id=order_id)}
