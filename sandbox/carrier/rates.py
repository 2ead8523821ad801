"""What the two carriers of the sandbox ask for a parcel: Albatross and Marathon, which nobody will find elsewhere."""

from dataclasses import dataclass
from typing import Any

from sandbox.carrier.book import new_id, now

KG_PER_OUNCE = 0.028349523125
CURRENCY = "EUR"
ABROAD = 2  # times the price at home
NOT_SERVED = "AQ"


@dataclass(frozen=True)
class Service:
    """Prices in cents: `base`, and `per_kg` for each kilogram that has begun. `heaviest` in kilograms."""

    carrier: str
    name: str
    base: int
    per_kg: int
    days: int
    heaviest: float


SERVICES = (
    Service("Albatross", "Standard", 429, 60, 3, 31.5),
    Service("Albatross", "Express", 1190, 120, 1, 31.5),
    Service("Marathon", "Economy", 389, 75, 5, 20),
    Service("Marathon", "Ground", 499, 45, 2, 20),
    Service("Marathon", "NextDay", 1490, 150, 1, 20),
)
PREFIXES = {"Albatross": "AB", "Marathon": "MA"}
"""How the tracking codes of a carrier begin."""


def rates_for(shipment: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rates of a shipment, and the messages of the carriers that have none."""
    kilograms = shipment["parcel"]["weight"] * KG_PER_OUNCE
    at_home = shipment["from_address"]["country"] == shipment["to_address"]["country"]
    rates, messages = [], []
    for service in SERVICES:
        if shipment["to_address"]["country"] == NOT_SERVED:
            messages.append(_message(service, "The destination is not served."))
        elif kilograms > service.heaviest:
            messages.append(_message(service, f"The parcel is heavier than {service.heaviest:g} kg."))
        else:
            begun = max(1, int(-(-kilograms // 1)))
            cents = (service.base + service.per_kg * begun) * (1 if at_home else ABROAD)
            rates.append(_rate(shipment["id"], service, cents))
    return rates, messages


def _rate(shipment_id: str, service: Service, cents: int) -> dict[str, Any]:
    price = f"{cents // 100}.{cents % 100:02d}"
    return {
        "id": new_id("rate"),
        "object": "Rate",
        "mode": "test",
        "created_at": now(),
        "updated_at": now(),
        "carrier": service.carrier,
        "service": service.name,
        "rate": price,
        "currency": CURRENCY,
        "retail_rate": None,
        "retail_currency": None,
        "list_rate": price,
        "list_currency": CURRENCY,
        "billing_type": "easypost",
        "delivery_days": service.days,
        "est_delivery_days": service.days,
        "delivery_date": None,
        "delivery_date_guaranteed": False,
        "shipment_id": shipment_id,
        "carrier_account_id": f"ca_{service.carrier.lower()}",
    }


def _message(service: Service, text: str) -> dict[str, Any]:
    return {
        "carrier": service.carrier,
        "carrier_account_id": f"ca_{service.carrier.lower()}",
        "type": "rate_error",
        "message": f"{service.name}: {text}",
    }
