"""Fulfilment: parcels, from packing to delivery."""

from models.fulfilment.by_hand import edit
from models.fulfilment.cancelling import cancel_pieces
from models.fulfilment.moving import cancel, deliver, lines_of, lock_parcel, lose, ship, withdraw
from models.fulfilment.packing import left_to_pack, move_allocation, pack
from models.fulfilment.queries import get_parcel, list_contents, list_parcels, list_to_pick, list_tracking
from models.fulfilment.tables import PARCEL_STATUS, Parcel, ParcelLine, TrackingEvent

__all__ = [
    "PARCEL_STATUS",
    "Parcel",
    "ParcelLine",
    "TrackingEvent",
    "cancel",
    "cancel_pieces",
    "deliver",
    "edit",
    "get_parcel",
    "left_to_pack",
    "lines_of",
    "list_contents",
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
