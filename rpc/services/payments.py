"""Payments."""

from typing import Any

from rpc.call import Call
from rpc.messages import build, validated
from rpc.rules import IDENTIFIED
from rpc.service import Service
from rpc.services.ids import known
from serving import payments
from serving.pages import PageArgs
from shopflow.payments.v1 import payments_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["PaymentsService"])
QUERY = payments.PaymentQuery()


@service.call("GetPayment", IDENTIFIED)
def get_payment(call: Call, request: pb.GetPaymentRequest) -> pb.GetPaymentResponse:
    found: dict[str, Any] = payments.read_visible(call.principal, known("pay", request.payment_id, "payment"))
    done = [{**one, "task_id": one["run_id"]} for one in found["transactions"]]
    return build(pb.GetPaymentResponse, {"payment": {**found, "transactions": done}})


@service.call("ListPayments", IDENTIFIED)
def list_payments(call: Call, request: pb.ListPaymentsRequest) -> pb.ListPaymentsResponse:
    query = validated(QUERY, request)
    place: PageArgs = {"limit": query.pop("limit"), "cursor": query.pop("cursor")}
    return build(pb.ListPaymentsResponse, payments.list_visible(call.principal, place, query))
