"""Carriers, each known by the name that stands in the parcels which it carries."""

from settings import settings
from tasks.gateways.carriers.carrier import Carrier
from tasks.gateways.carriers.easypost import EasyPost

CARRIERS: dict[str, Carrier] = {"easypost": EasyPost(settings)}


def carrier(gateway: str) -> Carrier:
    """The carrier of a parcel's `gateway`. Raises KeyError for one that the shop does not have."""
    return CARRIERS[gateway]
