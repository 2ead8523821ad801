"""The checks of the demo."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from demo.replay.journal import Entry, TakenBack
from demo.shopping import LAST_COPY, Purchase


@dataclass(frozen=True)
class Check:
    """A condition that must hold, and the figures behind it."""

    name: str
    ok: bool
    figures: str


@dataclass(frozen=True)
class Level:
    """The stock level of a product, in units."""

    on_hand: int
    reserved: int
    available: int


def check_orders(orders: list[Purchase], prices: dict[str, int]) -> Iterator[Check]:
    """Compares the orders with the plan. `prices`: SKU → minor units."""
    unexpected = [purchase for purchase in orders if not _ended_as_expected(purchase)]
    numbers = ", ".join(
        f"{purchase.order['number']} ({purchase.order['status']}, {purchase.refusal})" for purchase in unexpected
    )
    yield Check("every order ended as expected", not unexpected, numbers or f"{len(orders)} orders")
    declined = [purchase for purchase in orders if purchase.refusal == "payment_declined"]
    yield Check("one card was declined", len(declined) == 1, f"{len(declined)} declined")
    sold = sum(purchase.plan.items.get(LAST_COPY, 0) for purchase in confirmed(orders))
    refused = [purchase for purchase in orders if purchase.refusal == "insufficient_stock"]
    yield Check("the last unit was sold once", sold == 1 == len(refused), f"{sold} sold, {len(refused)} sold out")
    wrong = [purchase for purchase in orders if purchase.order["total"]["amount"] != _expected_total(purchase, prices)]
    yield Check("every total is price times quantity", not wrong, f"{len(wrong)} wrong")
    twice = [purchase for purchase in orders if purchase.again != purchase.task["id"]]
    yield Check(
        "a checkout sent twice creates one order", not twice, f"{len(orders)} sent twice, {len(twice)} duplicates"
    )


def check_mails(mails: list[dict[str, Any]], expected: Iterable[tuple[str, str]]) -> Check:
    """Checks that exactly the expected mails arrived, each once. `expected` contains recipient and subject.

    Mails that are not about an order, such as low stock alerts, are ignored.
    """
    wanted = Counter(expected)
    got: Counter[tuple[str, str]] = Counter()
    for mail in (mail for mail in mails if mail["subject"].startswith("Your order ")):
        got[mail["to"][0] if mail["to"] else "", mail["subject"]] += mail["deliveries"]
    missing, surplus = (wanted - got).total(), (got - wanted).total()
    figures = f"{got.total()} mails, {missing} missing, {surplus} unexpected"
    return Check("one mail per order, and no others", not missing and not surplus, figures)


def expected_mails(orders: list[Purchase]) -> Iterator[tuple[str, str]]:
    """Recipient and subject of each mail expected for the orders."""
    for purchase in orders:
        said = "is confirmed" if purchase.order["status"] == "confirmed" else "was cancelled"
        yield purchase.customer.client.user["email"], f"Your order {purchase.order['number']} {said}"


def expected_replay_mails(entries: list[Entry], taken_back: list[TakenBack]) -> Iterator[tuple[str, str]]:
    """Recipient and subject of each mail expected for a replay's orders."""
    cancelled = {part.invoice for part in taken_back if part.status == "cancelled"}
    for entry in entries:
        to, subject = f"retail-{entry.customer}@example.com", f"Your order {entry.number}"
        if entry.status == "confirmed":
            yield to, f"{subject} is confirmed"
        if entry.status != "confirmed" or entry.invoice in cancelled:
            yield to, f"{subject} was cancelled"


def count_reserved(entries: list[Entry], taken_back: list[TakenBack]) -> int:
    """The units of a replay's orders that were neither cancelled nor shipped. What was returned was shipped."""
    ended = {part.invoice for part in taken_back}
    return sum(entry.units for entry in entries if entry.status == "confirmed" and entry.invoice not in ended)


def check_stock(
    before: dict[str, Level], after: dict[str, Level], on_hand: Counter[str], reserved: Counter[str]
) -> Check:
    """Checks that the levels have changed by these numbers of units, and no others have changed."""
    wrong = []
    for sku, was in before.items():
        due = Level(
            was.on_hand + on_hand[sku], was.reserved + reserved[sku], was.available + on_hand[sku] - reserved[sku]
        )
        if after.get(sku) != due:
            wrong.append(sku)
    figures = ", ".join(wrong) or f"{reserved.total()} more units reserved, {on_hand.total():+} on hand"
    return Check("stock: what was sold, shipped and received", not wrong, figures)


def check_reservations(levels: dict[str, Level], units: int) -> Check:
    """Checks that as many units are reserved as are to be shipped."""
    reserved = sum(level.reserved for level in levels.values())
    figures = f"{units} to be shipped, {reserved} reserved"
    return Check("stock: exactly the units to be shipped are reserved", reserved == units, figures)


def count_sold(orders: list[Purchase]) -> Counter[str]:
    """SKU → units in confirmed orders."""
    sold: Counter[str] = Counter()
    for purchase in confirmed(orders):
        sold.update(purchase.plan.items)
    return sold


def confirmed(orders: list[Purchase]) -> list[Purchase]:
    return [purchase for purchase in orders if purchase.order["status"] == "confirmed"]


def check_audit(audit: list[dict[str, Any]]) -> Check:
    broken = [invariant["name"] for invariant in audit if not invariant["ok"]]
    figures = "; ".join(broken) or f"{len(audit)} invariants hold"
    return Check("the audit holds", bool(audit) and not broken, figures)


def _ended_as_expected(purchase: Purchase) -> bool:
    end = purchase.task["status"], purchase.order["status"], purchase.refusal
    good = ("succeeded", "confirmed", None)
    refused = ("cancelled", "cancelled", purchase.plan.refusal)
    if purchase.plan.together:  # one of the two gets the last unit
        return end in (good, refused)
    return end == (refused if purchase.plan.refusal else good)


def _expected_total(purchase: Purchase, prices: dict[str, int]) -> int:
    return sum(prices[sku] * quantity for sku, quantity in purchase.plan.items.items())
