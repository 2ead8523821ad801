"""Finds the orders that the retailer's cancellations belong to."""

from collections import defaultdict
from dataclasses import dataclass, field

from demo.replay.retail import Invoice, Line, Skipped


@dataclass
class Part:
    """What a cancellation takes back of one order: SKU → units, and their value in pence.

    `cancels`: it takes back the whole order, nothing of which was returned before. Otherwise the units are returned.
    """

    cancellation: str
    invoice: str
    units: dict[str, int] = field(default_factory=dict)
    value: int = 0
    cancels: bool = False


@dataclass
class _Purchase:
    invoice: str
    price: int
    left: int


class Matcher:
    """Takes the invoices in the order of the file, and matches each cancellation with earlier ones.

    A line belongs to the customer's latest earlier purchase of the product at this price that has enough units left.
    Keeps all purchases in memory.
    """

    def __init__(self) -> None:
        self._purchases: defaultdict[tuple[str, str], list[_Purchase]] = defaultdict(list)
        self._untouched: dict[str, dict[str, int]] = {}

    def add(self, invoice: Invoice) -> tuple[list[Part], list[tuple[Skipped, int]]]:
        """The parts of a cancellation, and the reason and the value in pence of each line that belongs to no order."""
        ordered = {line.sku: line.quantity for line in invoice.lines.values()}
        for line in invoice.lines.values():
            purchase = _Purchase(invoice.number, line.price, line.quantity)
            self._purchases[invoice.customer, line.sku].append(purchase)
        if ordered:
            self._untouched[invoice.number] = ordered
        parts: dict[str, Part] = {}
        unmatched = list(invoice.not_taken_back)
        for line in invoice.taken_back:
            found = self._find(invoice.customer, line)
            if isinstance(found, Skipped):
                unmatched.append((found, line.quantity * line.price))
                continue
            found.left -= line.quantity
            part = parts.setdefault(found.invoice, Part(invoice.number, found.invoice))
            part.units[line.sku] = part.units.get(line.sku, 0) + line.quantity
            part.value += line.quantity * line.price
        for part in parts.values():
            part.cancels = self._untouched.pop(part.invoice, None) == part.units
        return list(parts.values()), unmatched

    def _find(self, customer: str, line: Line) -> _Purchase | Skipped:
        earlier = self._purchases.get((customer, line.sku), [])
        enough = [purchase for purchase in reversed(earlier) if purchase.left >= line.quantity]
        for purchase in enough:
            if purchase.price == line.price:
                return purchase
        if enough:
            return Skipped.OTHER_PRICE
        return Skipped.TOO_MANY if earlier else Skipped.NO_PURCHASE
