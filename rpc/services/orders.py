"""Orders."""

from sqlalchemy.orm import Session

from rpc.call import IDEMPOTENCY_KEY, Call
from rpc.idempotency import once
from rpc.messages import build, validated
from rpc.rules import IDENTIFIED, SIGNED_IN
from rpc.service import Service
from rpc.services.ids import known
from serving import checkout, orders
from serving.pages import PageArgs
from settings import settings
from shopflow.orders.v1 import orders_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["OrdersService"])
CHECKOUT, QUERY = checkout.CheckoutRequest(), orders.OrderQuery()
RETURN_PAGE = f"{settings.api_base}/v1/payments/return" if settings.api_base else None


@service.call("PlaceOrder", SIGNED_IN)
def place_order(call: Call, request: pb.PlaceOrderRequest) -> pb.PlaceOrderResponse:
    checkout.refuse_if_overloaded(call.principal.user_id, call.metadata.get(IDEMPOTENCY_KEY))
    body = validated(CHECKOUT, request)

    def place(session: Session) -> pb.PlaceOrderResponse:
        placed = checkout.place(session, call.principal.user_id, body, RETURN_PAGE)
        return pb.PlaceOrderResponse(task_id=placed.run_id, status="running", order_id=placed.id)

    return once(call, request, pb.PlaceOrderResponse, place, required=True)


@service.call("GetOrder", IDENTIFIED)
def get_order(call: Call, request: pb.GetOrderRequest) -> pb.GetOrderResponse:
    order_id = known("ord", request.order_id, "order")
    return build(pb.GetOrderResponse, {"order": orders.read_visible(call.principal, order_id)})


@service.call("ListOrders", IDENTIFIED)
def list_orders(call: Call, request: pb.ListOrdersRequest) -> pb.ListOrdersResponse:
    query = validated(QUERY, request)
    place: PageArgs = {"limit": query.pop("limit"), "cursor": query.pop("cursor")}
    return build(pb.ListOrdersResponse, orders.list_visible(call.principal, place, query))
