"""Stock."""

from rpc.call import Call
from rpc.messages import build, validated
from rpc.rules import allowed
from rpc.service import Service
from rpc.services.ids import known
from serving.inventory import CapacityQuery, LevelQuery, check_capacity, list_levels
from shopflow.inventory.v1 import inventory_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["InventoryService"])
LEVELS, CAPACITY = LevelQuery(), CapacityQuery()


@service.call("GetStock", allowed("stock:read"))
def get_stock(call: Call, request: pb.GetStockRequest) -> pb.GetStockResponse:
    return build(pb.GetStockResponse, list_levels(validated(LEVELS, request)))


@service.call("CheckCapacity", allowed("stock:read"))
def check_capacity_(call: Call, request: pb.CheckCapacityRequest) -> pb.CheckCapacityResponse:
    warehouse_id = known("wh", request.warehouse_id, "warehouse")
    return build(
        pb.CheckCapacityResponse, check_capacity(warehouse_id, **validated(CAPACITY, request, without="warehouse_id"))
    )
