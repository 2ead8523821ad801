"""What staff do with many orders at once: those that are ticked in the list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Response, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.orders.schemas import Cancel, Edit
from durable import Refusal
from models import fulfilment, inventory, orders
from models.core.database import transaction
from models.core.errors import Invalid, NotFound
from models.orders import Order
from serving.staff_actions import current_action, recording
from web import access, once
from web.blueprint import desk, takes_form
from web.desk.pages import show
from web.desk.sending import Outcome, in_words, load, text
from web.desk.words import name_of
from web.forms import is_id
from web.language import gettext, ngettext

MOST = 100
"""Orders of one form."""


@dataclass(frozen=True)
class Done:
    """What became of each order, by id. `same`: it was so already. `refused`: order → why. `said`: order → more."""

    changed: list[str]
    same: list[str]
    refused: dict[str, str]
    said: dict[str, str] = field(default_factory=dict)


def _mark_packing(session: Session, order_id: str, options: Mapping[str, Any]) -> bool:
    before = orders.lock(session, order_id).status
    return fulfilment.edit(session, order_id, actor=g.principal.user_id, status="processing")[0].status != before


def _ship(session: Session, order_id: str, options: Mapping[str, Any]) -> str:
    """From where it is shipped; empty: all of it was in parcels already, which are about to leave."""
    orders.lock(session, order_id)
    left = fulfilment.left_to_pack(session, order_id)
    fulfilment.ship_all(session, order_id, actor=g.principal.user_id, buys_labels=options["labels"])
    return _from_where(left, _warehouses(session), is_waiting=inventory.is_waiting(session, order_id))


def _tag(session: Session, order_id: str, options: Mapping[str, Any]) -> bool:
    tags = orders.lock(session, order_id).tags
    load(Edit(), tags=sorted({*tags, options["tag"]}))
    return orders.add_tag(session, order_id, options["tag"])


def _untag(session: Session, order_id: str, options: Mapping[str, Any]) -> bool:
    return orders.remove_tag(session, order_id, options["tag"])


def _cancel(session: Session, order_id: str, options: Mapping[str, Any]) -> bool:
    if orders.get(session, order_id).status == "pending":
        orders.give_up(session, order_id)
    else:
        about = {"lines": None, "is_staff": True, "reason": options["reason"]}
        fulfilment.cancel_pieces(session, order_id, actor=g.principal.user_id, **about)
    return True


WORK: dict[str, Callable[[Session, str, Mapping[str, Any]], bool | str]] = {
    "packing": _mark_packing, "ship": _ship, "tag": _tag, "untag": _untag, "cancel": _cancel,
}  # fmt: skip
"""Verb → what it does with an order; says whether anything changed, or what. `untag` undoes `tag`."""
VERB = "/orders/many/<verb>"


@desk.get(VERB)
@access.allowed("orders:write")
def many_orders(verb: str) -> Response:
    """Which orders the form would change, and what it asks for. Changes nothing."""
    _check(verb)
    ids = _ids(request.args.getlist("order"))
    return _show(verb, ids[:MOST], None, Outcome(refusal=_too_many() if len(ids) > MOST else ""))


@desk.post(VERB)
@takes_form
@access.allowed("orders:write")
def change_many_orders(verb: str) -> Response:
    """Changes each in a transaction of its own, once per form: what is refused does not affect the others."""
    _check(verb)
    ids = _ids(request.form.getlist("order"))
    try:
        if len(ids) > MOST:
            raise Invalid(_too_many())
        options = _options()
    except Invalid as error:
        return _show(verb, ids[:MOST], None, Outcome(refusal=in_words(error), values=dict(request.form.items())), 422)
    done = Done(**once.once_for_many(lambda: vars(_change_all(verb, ids, options))))
    return _show(verb, ids, done, Outcome(values=dict(request.form.items())))


def _options() -> dict[str, Any]:
    """What the form asks for besides the orders. Raises Invalid."""
    body: Any = load(Cancel(), reason=text("reason"))
    options = {"tag": text("tag"), "labels": text("labels") == "buy", "reason": body.get("reason")}
    if "tag" in request.form:
        load(Edit(), tags=[options["tag"]])
        if not options["tag"] or "," in options["tag"]:
            raise Invalid(gettext("Enter one tag, without a comma."))
    return options


def _change_all(verb: str, ids: Sequence[str], options: Mapping[str, Any]) -> Done:
    done = Done([], [], {})
    action = current_action.get()
    assert action is not None  # the access rule of the view has set it
    for order_id in ids:
        try:
            with recording(replace(action, subject=order_id)), transaction() as session:
                did = WORK[verb](session, order_id, options)
        except Refusal as refusal:
            if refusal.status >= 500:
                raise
            done.refused[order_id] = _why(refusal)
        else:
            (done.changed if did else done.same).append(order_id)
            if isinstance(did, str) and did:
                done.said[order_id] = did
    return done


def _warehouses(session: Session) -> dict[str, str]:
    return {one.id: one.name for one in session.scalars(inventory.select_warehouses())}


def _from_where(left: Mapping[str, Mapping[str, int]], names: Mapping[str, str], *, is_waiting: bool = False) -> str:
    """How many units come from which warehouse, each of which is a parcel, in words."""
    parts = []
    for warehouse_id, lines in left.items():
        units = sum(lines.values())
        said = ngettext("%(n)d unit from %(warehouse)s", "%(n)d units from %(warehouse)s", units)
        parts.append(said % {"n": units, "warehouse": names[warehouse_id]})
    if parts and is_waiting:
        parts.append(gettext("the rest waits for stock"))
    return "; ".join(parts)


def _why(refusal: Refusal) -> str:
    if refusal.code == "wrong_state":
        return gettext("This is not possible: the order is %(status)s.") % {"status": name_of(refusal.extra["current"])}
    return in_words(refusal)


def _ids(given: Sequence[str]) -> list[str]:
    return [order_id for order_id in dict.fromkeys(given) if is_id("ord", order_id)]


def _too_many() -> str:
    return gettext("That is too much for one form: only the first %(most)s orders are listed here.") % {"most": MOST}


def _check(verb: str) -> None:
    if verb not in WORK:
        raise NotFound("There is no such action.")


def _show(verb: str, given: Sequence[str], done: Done | None, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        query = select(Order.id, Order.number, Order.status).where(Order.id.in_(given)).order_by(Order.number)
        found = session.execute(query).all()
        plan = _plan(session, [row.id for row in found]) if verb == "ship" and done is None else {}
    return show(
        "many_orders.html", status, section="desk.orders_page", verb=verb, found=found, done=done, outcome=outcome,
        plan=plan, numbers={row.id: row.number for row in found}, back=request.values.get("back", ""),
    )  # fmt: skip


def _plan(session: Session, order_ids: Sequence[str]) -> dict[str, str]:
    """Order → from which warehouses it would be shipped."""
    left, names = fulfilment.list_left_to_pack(session, order_ids), _warehouses(session)
    return {order_id: _from_where(there, names) for order_id, there in left.items()}
