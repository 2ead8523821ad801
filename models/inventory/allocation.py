"""Allocation: which warehouses supply an order. Each of them sends a parcel, so they are as few as possible."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

COMPARED = 3
"""Up to this number of warehouses, the smallest set is found by comparing all sets; more warehouses are used in the
order of their stock. Comparing sets of four of fifty warehouses would take a second, in which stock is locked."""

ALLOCATE_MORE = """
    ON CONFLICT (order_id, product_id, warehouse_id) DO UPDATE SET status = excluded.status, updated_at = now(),
        quantity = excluded.quantity + CASE mine.status WHEN 'released' THEN mine.shipped ELSE mine.quantity END"""
"""The end of an INSERT INTO inventory.reservation AS mine: units are added to those that are reserved there already."""


@dataclass(frozen=True)
class Units:
    """Units of a product in a warehouse; `warehouse_id` is None for a product that no warehouse has."""

    product_id: str
    warehouse_id: str | None
    quantity: int


def choose(lines: Mapping[str, int], available: Sequence[Units]) -> list[Units]:
    """The units that supply `lines` (product id → units), as far as they are available.

    From as few warehouses as possible; of several possibilities, the one with the most stock of these products.
    """
    shelves: dict[str, Counter[str]] = {}
    for part in available:
        if part.warehouse_id is not None and part.quantity > 0:
            shelves.setdefault(part.warehouse_id, Counter())[part.product_id] += part.quantity
    chosen = _choose_warehouses(lines, shelves)
    taken: list[Units] = []
    for product_id, quantity in lines.items():
        # A line is not split if one of the warehouses has all of it.
        for warehouse_id in sorted(chosen, key=lambda one: -shelves[one][product_id]):
            units = min(quantity, shelves[warehouse_id][product_id])
            if units:
                taken.append(Units(product_id, warehouse_id, units))
                quantity -= units
    return taken


def _choose_warehouses(lines: Mapping[str, int], shelves: Mapping[str, Counter[str]]) -> Sequence[str]:
    ranked = sorted(shelves, key=lambda one: (-shelves[one].total(), one))
    supplied = {product_id: min(units, _sum(shelves, ranked, product_id)) for product_id, units in lines.items()}

    def suffices(chosen: Sequence[str]) -> bool:
        return all(_sum(shelves, chosen, product_id) >= units for product_id, units in supplied.items())

    for size in range(1, COMPARED + 1):
        found = [chosen for chosen in combinations(ranked, size) if suffices(chosen)]
        if found:
            return max(found, key=lambda chosen: sum(shelves[one].total() for one in chosen))
    while len(ranked) > 1 and suffices(ranked[:-1]):
        ranked.pop()
    return ranked


def _sum(shelves: Mapping[str, Counter[str]], chosen: Sequence[str], product_id: str) -> int:
    return sum(shelves[one][product_id] for one in chosen)


def columns_of(parts: Sequence[Units]) -> dict[str, list[object]]:
    """The parts as parameters of a statement: `products`, `warehouses` and `quantities`."""
    return {
        "products": [part.product_id for part in parts],
        "warehouses": [part.warehouse_id for part in parts],
        "quantities": [part.quantity for part in parts],
    }
