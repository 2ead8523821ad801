"""Checkout: turns the cart into an order, whose workflow then runs in the background."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, g, make_response, request, url_for
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from api.accounts.shapes import NewAddress
from api.auth import signed_in
from api.errors import problem
from api.fields import IdField, Pattern, Schema
from api.idempotency import idempotent
from api.orders import Order, order_views
from api.tasks import Accepted, glance
from api.waiting import MAX_WAIT, wait_for_end
from models import accounts, orders, runs
from models.database import transaction

blueprint = Blueprint("checkout", __name__, url_prefix="/v1", description="From the cart to an order")


class PaymentChoice(Schema):
    method = fields.String(
        required=True,
        validate=Pattern(r"^pm_[A-Za-z0-9_]{1,100}$", error="must be a payment method of the gateway, pm_…"),
        metadata={"example": "pm_card_visa"},
    )


class CheckoutRequest(Schema):
    address_id = IdField("adr")
    address = fields.Nested(NewAddress)
    payment = fields.Nested(PaymentChoice, required=True)

    @validates_schema
    def _one_address(self, data: dict[str, Any], **_: Any) -> None:
        if ("address_id" in data) == ("address" in data):
            raise ValidationError("give either address_id or address", "address")


def preferred_wait() -> float:
    """Seconds that the client would wait for the end: `Prefer: wait=N` (RFC 7240, section 4.3), at most 30."""
    found = re.search(r"\bwait=(\d+)", request.headers.get("Prefer", ""))
    return min(float(found[1]), MAX_WAIT) if found else 0.0


def may_wait(view: Callable[..., Response]) -> Callable[..., Response]:
    """Lets a client that prefers so wait for the end of what it has started, after the commit."""

    @wraps(view)
    def waiting(*args: Any, **kwargs: Any) -> Response:
        accepted = view(*args, **kwargs)
        seconds = preferred_wait()
        return _ended(accepted, seconds) if accepted.status_code == 202 and seconds else accepted

    return waiting


def _ended(accepted: Response, seconds: float) -> Response:
    """The checkout's end, or the 202 if it does not come in time."""
    body = accepted.get_json()
    run_id, order_id = body["task_id"], body["order_id"]
    wait_for_end(run_id, seconds, lambda: glance(run_id).ended)
    with transaction() as session:
        run = runs.get(session, run_id)
        if run.finished_at is None:
            return accepted
        if run.error is None:
            order = order_views(session, [orders.get(session, order_id)])[0]
            answer = make_response(Order().dump(order), 201, {"Location": body["links"]["order"]})
        else:
            refusal = {name: value for name, value in run.error.items() if name != "step"}
            answer = problem(**refusal, order_id=order_id, task_id=run_id)
    answer.headers["Preference-Applied"] = f"wait={seconds:.0f}"
    if "Idempotent-Replayed" in accepted.headers:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


@blueprint.route("/checkout")
class CheckoutView(MethodView):
    @signed_in
    @blueprint.arguments(CheckoutRequest())
    @may_wait
    @idempotent(required=True)
    @blueprint.response(202, Accepted, headers={"Location": {"schema": {"type": "string"}}})
    @blueprint.alt_response(201, schema=Order, description="With `Prefer: wait`: the order, confirmed")
    def post(self, session: Session, body: dict[str, Any]) -> Any:
        """Places an order from the cart and starts its checkout.

        Answers with the task to follow; with `Prefer: wait=N` it waits up to N seconds for the end, and answers
        with the order or with the refusal.
        """
        user_id = g.principal.user_id
        address = body.get("address") or accounts.address_as_data(session, user_id, body["address_id"])
        order = orders.place(session, user_id, address, body["payment"]["method"])
        task = url_for("tasks.TaskView", run_id=order.run_id)
        links = {"task": task, "order": url_for("orders.OrderView", order_id=order.id)}
        accepted = {"task_id": order.run_id, "status": "running", "order_id": order.id, "links": links}
        return accepted, 202, {"Location": task, "Retry-After": "1"}
