"""Whether everything in the demo ended as it should."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from demo.replay.journal import Entry
from demo.shopping import LAST_COPY, Bought


@dataclass(frozen=True)
class Check:
    """Something that must hold, and the figures by which one sees it."""

    name: str
    ok: bool
    figures: str


@dataclass(frozen=True)
class Level:
    """The stock of a product, in pieces."""

    on_hand: int
    reserved: int
    available: int


def of_orders(orders: list[Bought], prices: dict[str, int]) -> Iterator[Check]:
    """The orders against what was wanted. `prices`: SKU → minor units."""
    odd = [bought for bought in orders if not _as_wanted(bought)]
    numbers = ", ".join(f"{bought.order['number']} ({bought.order['status']}, {bought.refusal})" for bought in odd)
    yield Check("every order ended as it should", not odd, numbers or f"{len(orders)} orders")
    declined = [bought for bought in orders if bought.refusal == "payment_declined"]
    yield Check("one card was declined", len(declined) == 1, f"{len(declined)} declined")
    sold = sum(bought.wish.items.get(LAST_COPY, 0) for bought in confirmed(orders))
    refused = [bought for bought in orders if bought.refusal == "insufficient_stock"]
    yield Check("the last piece was sold once", sold == 1 == len(refused), f"{sold} sold, {len(refused)} sold out")
    wrong = [bought for bought in orders if bought.order["total"]["amount"] != _worth(bought, prices)]
    yield Check("every total is price times quantity", not wrong, f"{len(wrong)} wrong")
    twice = [bought for bought in orders if bought.again != bought.task["id"]]
    yield Check("a checkout sent twice is one order", not twice, f"{len(orders)} sent twice, {len(twice)} doubled")


def of_mails(mails: list[dict[str, Any]], expected: Iterable[tuple[str, str]]) -> Check:
    """Whether exactly these mails came in, each once; `expected` holds receiver and subject.

    Mails about anything but an order, such as low stock, are not looked at.
    """
    wanted = Counter(expected)
    got: Counter[tuple[str, str]] = Counter()
    for mail in (mail for mail in mails if mail["subject"].startswith("Your order ")):
        got[mail["to"][0] if mail["to"] else "", mail["subject"]] += mail["deliveries"]
    missing, surplus = (wanted - got).total(), (got - wanted).total()
    figures = f"{got.total()} mails, {missing} missing, {surplus} too many"
    return Check("one mail for each order, and no other", not missing and not surplus, figures)


def mails_due(orders: list[Bought]) -> Iterator[tuple[str, str]]:
    """Receiver and subject of each mail that the orders should lead to."""
    for bought in orders:
        said = "is confirmed" if bought.order["status"] == "confirmed" else "was cancelled"
        yield bought.shopper.client.user["email"], f"Your order {bought.order['number']} {said}"


def mails_of_replay(entries: list[Entry]) -> Iterator[tuple[str, str]]:
    """The same of a replay's orders."""
    for entry in entries:
        said = "is confirmed" if entry.status == "confirmed" else "was cancelled"
        yield f"retail-{entry.customer}@example.com", f"Your order {entry.number} {said}"


def of_stock(before: dict[str, Level], after: dict[str, Level], sold: Counter[str]) -> Check:
    """Whether just what was sold is set aside, and all the rest still to be had."""
    wrong = []
    for sku, was in before.items():
        due = Level(was.on_hand, was.reserved + sold[sku], was.available - sold[sku])
        if after.get(sku) != due:
            wrong.append(sku)
    figures = ", ".join(wrong) or f"{sold.total()} pieces of {len(sold)} products set aside"
    return Check("stock: just what was sold is set aside", not wrong, figures)


def of_reservations(levels: dict[str, Level], units: int) -> Check:
    """Whether as many pieces are set aside as were sold."""
    reserved = sum(level.reserved for level in levels.values())
    return Check("stock: just what was sold is set aside", reserved == units, f"{units} sold, {reserved} set aside")


def sold_in(orders: list[Bought]) -> Counter[str]:
    """SKU → pieces in confirmed orders."""
    sold: Counter[str] = Counter()
    for bought in confirmed(orders):
        sold.update(bought.wish.items)
    return sold


def confirmed(orders: list[Bought]) -> list[Bought]:
    return [bought for bought in orders if bought.order["status"] == "confirmed"]


def of_audit(audit: list[dict[str, Any]]) -> Check:
    broken = [invariant["name"] for invariant in audit if not invariant["ok"]]
    figures = "; ".join(broken) or f"{len(audit)} invariants hold"
    return Check("the audit holds", bool(audit) and not broken, figures)


def _as_wanted(bought: Bought) -> bool:
    end = bought.task["status"], bought.order["status"], bought.refusal
    good = ("succeeded", "confirmed", None)
    refused = ("cancelled", "cancelled", bought.wish.refusal)
    if bought.wish.together:  # one of the two is to have it
        return end in (good, refused)
    return end == (refused if bought.wish.refusal else good)


def _worth(bought: Bought, prices: dict[str, int]) -> int:
    return sum(prices[sku] * quantity for sku, quantity in bought.wish.items.items())
