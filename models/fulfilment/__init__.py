"""Fulfilment: parcels, from packing to delivery."""

from models.fulfilment.by_hand import edit
from models.fulfilment.cancelling import cancel_pieces
from models.fulfilment.moving import cancel, deliver, lines_of, lock_parcel, lose, ship, withdraw
from models.fulfilment.packing import left_to_pack, move_allocation, pack
from models.fulfilment.queries import get_parcel, list_contents, list_parcels, list_to_pick, list_tracking
from models.fulfilment.statuses import (
    FULFILMENT_STATUSES,
    fulfilment_status,
    has_fulfilment_status,
    list_fulfilment_statuses,
)
from models.fulfilment.tables import PARCEL_STATUS, Parcel, ParcelLine, TrackingEvent

__all__ = [
    "FULFILMENT_STATUSES",
    "PARCEL_STATUS",
    "Parcel",
    "ParcelLine",
    "TrackingEvent",
    "cancel",
    "cancel_pieces",
    "deliver",
    "edit",
    "fulfilment_status",
    "get_parcel",
    "has_fulfilment_status",
    "left_to_pack",
    "lines_of",
    "list_contents",
    "list_fulfilment_statuses",
    "list_parcels",
    "list_to_pick",
    "list_tracking",
    "lock_parcel",
    "lose",
    "move_allocation",
    "pack",
    "ship",
    "withdraw",
]
