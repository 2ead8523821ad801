"""Stock."""

from sqlalchemy.orm import Session

from models import inventory
from rpc.call import Call
from rpc.idempotency import once
from rpc.messages import MessageType, build, validated
from rpc.rules import allowed
from rpc.service import Service
from rpc.services.ids import known
from serving import reservations
from serving.inventory import CapacityQuery, LevelQuery, check_capacity, list_levels
from shopflow.inventory.v1 import inventory_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["InventoryService"])
LEVELS, CAPACITY, NEW_RESERVATION = LevelQuery(), CapacityQuery(), reservations.NewReservation()


@service.call("GetStock", allowed("stock:read"))
def get_stock(call: Call, request: pb.GetStockRequest) -> pb.GetStockResponse:
    return build(pb.GetStockResponse, list_levels(validated(LEVELS, request)))


@service.call("CheckCapacity", allowed("stock:read"))
def check_capacity_(call: Call, request: pb.CheckCapacityRequest) -> pb.CheckCapacityResponse:
    warehouse_id = known("wh", request.warehouse_id, "warehouse")
    return build(
        pb.CheckCapacityResponse, check_capacity(warehouse_id, **validated(CAPACITY, request, without="warehouse_id"))
    )


@service.call("Reserve", allowed("reservations:write"))
def reserve(call: Call, request: pb.ReserveRequest) -> pb.ReserveResponse:
    body = validated(NEW_RESERVATION, request)

    def hold(session: Session) -> pb.ReserveResponse:
        return _shown(pb.ReserveResponse, session, reservations.hold(session, body, call.principal.user_id))

    return once(call, request, pb.ReserveResponse, hold)


@service.call("GetReservation", allowed("stock:read"))
def get_reservation(call: Call, request: pb.GetReservationRequest) -> pb.GetReservationResponse:
    found = reservations.read_one(known("res", request.reservation_id, "reservation"))
    return build(pb.GetReservationResponse, {"reservation": _with_task(found)})


@service.call("Release", allowed("reservations:write"))
def release(call: Call, request: pb.ReleaseRequest) -> pb.ReleaseResponse:
    reservation_id = known("res", request.reservation_id, "reservation")

    def act(session: Session) -> pb.ReleaseResponse:
        return _shown(pb.ReleaseResponse, session, inventory.release_held(session, reservation_id))

    return once(call, request, pb.ReleaseResponse, act)


@service.call("Ship", allowed("reservations:write"))
def ship(call: Call, request: pb.ShipRequest) -> pb.ShipResponse:
    reservation_id = known("res", request.reservation_id, "reservation")

    def act(session: Session) -> pb.ShipResponse:
        return _shown(pb.ShipResponse, session, inventory.ship_held(session, reservation_id))

    return once(call, request, pb.ShipResponse, act)


def _shown(kind: type[MessageType], session: Session, held: inventory.OutsideReservation) -> MessageType:
    return build(kind, {"reservation": _with_task(reservations.reservation_view(session, held))})


def _with_task(found: dict[str, object]) -> dict[str, object]:
    return {**found, "task_id": found["run_id"]}
