"""Carts of customers and guests."""

from typing import Any

from sqlalchemy.orm import Session

from models import carts
from models.core.database import single_statements, transaction
from rpc.call import Call
from rpc.idempotency import once
from rpc.messages import build, validated
from rpc.rules import SIGNED_IN_OR_GUEST
from rpc.service import Service
from rpc.services.ids import known
from serving.carts import NewItem, Quantity, Removal, cart_view
from shopflow.cart.v1 import cart_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["CartService"])
NEW_ITEM, QUANTITY, REMOVAL = NewItem(), Quantity(), Removal()


@service.call("GetCart", SIGNED_IN_OR_GUEST)
def get_cart(call: Call, request: pb.GetCartRequest) -> pb.GetCartResponse:
    with single_statements() as connection:
        return build(pb.GetCartResponse, {"cart": _shown(cart_view(connection, call.principal.user_id))})


@service.call("AddItem", SIGNED_IN_OR_GUEST)
def add_item(call: Call, request: pb.AddItemRequest) -> pb.AddItemResponse:
    item = validated(NEW_ITEM, request)

    def add(session: Session) -> pb.AddItemResponse:
        carts.add(session, call.principal.user_id, **item)
        return build(pb.AddItemResponse, _cart(session, call))

    return once(call, request, pb.AddItemResponse, add)


@service.call("SetQuantity", SIGNED_IN_OR_GUEST)
def set_quantity(call: Call, request: pb.SetQuantityRequest) -> pb.SetQuantityResponse:
    product_id = known("prd", request.product_id, "product")
    quantity = validated(QUANTITY, request, without="product_id")["quantity"]
    with transaction() as session:
        carts.set_quantity(session, call.principal.user_id, product_id, quantity)
        return build(pb.SetQuantityResponse, _cart(session, call))


@service.call("RemoveItem", SIGNED_IN_OR_GUEST)
def remove_item(call: Call, request: pb.RemoveItemRequest) -> pb.RemoveItemResponse:
    product_id = known("prd", request.product_id, "product")
    quantity = validated(REMOVAL, request, without="product_id").get("quantity")
    with transaction() as session:
        carts.remove(session, call.principal.user_id, product_id, quantity)
        return build(pb.RemoveItemResponse, _cart(session, call))


def _cart(session: Session, call: Call) -> dict[str, object]:
    return {"cart": _shown(cart_view(session, call.principal.user_id))}


def _shown(cart: dict[str, Any]) -> dict[str, object]:
    """REST shows a price as money and units as a number; here, both are numbers."""
    changes = [
        {**change, "before": _number(change["before"]), "now": _number(change["now"])} for change in cart["changes"]
    ]
    return {**cart, "changes": changes}


def _number(figure: Any) -> int:
    return int(figure["amount"] if isinstance(figure, dict) else figure)
