"""Steps of the returns service."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import returns
from models.core.errors import CarrierRefused
from models.core.workflow_inputs import ReturnInput, UserInput
from models.fulfilment import Label, LabelRequest
from settings import settings
from tasks.gateways.carriers import labels
from tasks.orders import credit_return

service = Service("returns")

RETRY_AFTER = timedelta(days=1)  # signals wake the run immediately; without one, nothing changes


@service.step
def await_decision(session: Session, run: Run[ReturnInput]) -> dict[str, str] | Suspend:
    """Waits until staff approve or refuse the return."""
    run.consume("decided")  # the decision is recorded in the return
    made = returns.get_return(session, run.input["return_id"])
    return Suspend(run.now() + RETRY_AFTER) if made.status == "requested" else {"status": made.status}


class Bought(TypedDict):
    """`error`: why the carrier sells no label."""

    label: Label | None
    error: str | None


def _buy_label(request: LabelRequest, idempotency_key: str) -> Bought:
    try:
        return {"label": labels.buy(request, idempotency_key), "error": None}
    except CarrierRefused as refusal:
        return {"label": None, "error": refusal.detail}  # the customer can send the goods in another way


def _record_label(session: Session, run: Run[ReturnInput], bought: Bought) -> None:
    returns.record_label(session, run.input["return_id"], bought["label"], bought["error"])


@service.external_step(call=_buy_label, record=_record_label)
def buy_label(session: Session, run: Run[ReturnInput]) -> LabelRequest | None:
    """Buys the label with which the customer sends the goods of an approved return, if the shop has a carrier."""
    return returns.get_label_request(session, run.input["return_id"])


@service.step
def await_goods(session: Session, run: Run[ReturnInput]) -> dict[str, str] | Suspend:
    """Waits until the goods of an approved return are received, at most `SHOP_RETURN_SEND_DAYS`.

    Goods that are on their way by then are awaited for as long again.
    """
    run.consume("received")  # the goods are recorded in the return
    made = returns.follow(session, run.input["return_id"])
    if made.status in ("approved", "in_transit"):
        decided_at: datetime | None = made.decided_at
        assert decided_at is not None
        days = settings.return_send_days * (2 if made.status == "in_transit" else 1)
        deadline = decided_at + timedelta(days=days)
        if run.now() < deadline:
            return Suspend(deadline)
    return {"status": made.status}


def _record_refund(session: Session, run: Run[ReturnInput], refund: labels.Refund) -> None:
    returns.lock_return(session, run.input["return_id"]).label_refund = refund["state"]


@service.external_step(call=labels.give_back, record=_record_refund)
def refund_label(session: Session, run: Run[ReturnInput]) -> labels.RefundRequest | None:
    """Asks for the refund of the label of goods that have not arrived. The carrier rejects it if they were sent."""
    made = returns.get_return(session, run.input["return_id"])
    if made.label is None or made.status not in ("approved", "in_transit"):
        return None
    return {"gateway": made.gateway or "", "label": made.label, "asked": None}


@service.step
def take_in(session: Session, run: Run[ReturnInput]) -> dict[str, int]:
    """Takes received goods into stock, or writes them off, and determines the refund (minor units)."""
    if (run.output(await_goods) or {})["status"] != "received":
        return {"refund": 0}
    return {"refund": returns.take_in(session, run.input["return_id"])}


@service.step(commits_at_once=True)
def replace(session: Session, run: Run[ReturnInput]) -> dict[str, str]:
    """Places the replacement order of an exchange. Without enough goods or stock, everything is refunded instead."""
    if (run.output(await_goods) or {})["status"] != "received":
        return {}
    order = returns.place_replacement(session, run.input["return_id"])
    return {} if order is None else {"replacement_order_id": order.id}


@service.step
def finish(session: Session, run: Run[ReturnInput]) -> dict[str, object]:
    """Ends the return, and returns its result. The amount is in minor units."""
    replaced = run.output(replace) or {}
    note: Mapping[str, Any] = run.output(credit_return) or {}
    status = returns.finish(session, run.input["return_id"])
    about = {"return_id": run.input["return_id"], "order_id": run.input["order_id"]}
    refund = returns.get_return(session, run.input["return_id"]).refund or 0
    return {
        **about, "status": status, "refund": refund, "credit_note_id": note.get("credit_note_id"),
        "replacement_order_id": replaced.get("replacement_order_id"),
    }  # fmt: skip


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> dict[str, int]:
    """Erases the comments of a closed account's returns."""
    return {"comments": returns.erase_user(session, run.input["user_id"])}
