"""What happens in the demo: a dozen customers, what each of them buys, and how each order is to end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from demo.client import Client, seconds_of

LAST_COPY = "BOOK-LAST-COPY"
PASSWORD = "a pass phrase for the demo only"
PEOPLE = (
    ("Ines", "Moreau", "Lyon", "France"), ("Jakub", "Nowak", "Gdańsk", "Poland"),
    ("Maren", "Hansen", "Aarhus", "Denmark"), ("Tiago", "Ferreira", "Porto", "Portugal"),
    ("Aoife", "Kelly", "Galway", "Ireland"), ("Luca", "Bianchi", "Turin", "Italy"),
    ("Eszter", "Szabo", "Pécs", "Hungary"), ("Joost", "Bakker", "Utrecht", "Netherlands"),
    ("Lotta", "Virtanen", "Tampere", "Finland"), ("Pavel", "Dvorak", "Brno", "Czechia"),
    ("Elena", "Popescu", "Cluj-Napoca", "Romania"), ("Nils", "Brandt", "Leipzig", "Germany"),
)  # fmt: skip
DECLINED, FIRST, SECOND = 9, 10, 11
"""Who pays with a card that is declined, and the two who want the last piece."""
ORDERS_EACH = (3, 3, 3, 3, 3, 3, 2, 2, 2)
"""Orders of those to whom nothing special happens."""


@dataclass(frozen=True)
class Wish:
    """One order that somebody wants: SKU → pieces, how it is paid, and the code of the refusal that is due."""

    items: dict[str, int]
    method: str = "pm_card_visa"
    refusal: str | None = None
    together: threading.Barrier | None = None


@dataclass
class Shopper:
    """A customer and what they want, one order after the other."""

    client: Client
    first_name: str
    last_name: str
    city: str
    country: str
    wishes: list[Wish] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    def register(self) -> None:
        """Opens the account."""
        username = self.last_name.lower()
        self.client.register(
            {
                "username": username, "email": f"{username}@example.com", "password": PASSWORD,
                "first_name": self.first_name, "last_name": self.last_name, "address": self.address,
            }
        )  # fmt: skip

    @property
    def address(self) -> dict[str, str]:
        return {"line1": "1 High Street", "city": self.city, "country": self.country}


@dataclass(frozen=True)
class Bought:
    """What became of a wish: the order and its task as the API shows them at the end.

    `again`: the task that the same checkout led to, sent a second time under the same key.
    """

    shopper: Shopper
    wish: Wish
    order: dict[str, Any]
    task: dict[str, Any]
    again: str

    @property
    def seconds(self) -> float:
        return seconds_of(self.task)

    @property
    def refusal(self) -> str | None:
        return (self.order["reason"] or {}).get("code")


def shoppers(shop: Client, skus: list[str]) -> list[Shopper]:
    """Twelve customers who want 28 orders among them, of two or three of the products each."""
    people = [Shopper(shop.another(), *person) for person in PEOPLE]
    goods = [sku for sku in sorted(skus) if sku != LAST_COPY]

    def some(number: int) -> dict[str, int]:
        picked = range(number, number + 2 + number % 2)
        return {goods[at * 37 % len(goods)]: 1 + at % 2 for at in picked}

    wishes = iter(range(sum(ORDERS_EACH) + 2))
    for person, orders in zip(people, ORDERS_EACH, strict=False):
        person.wishes = [Wish(some(next(wishes))) for _ in range(orders)]
    careless = some(next(wishes))
    people[DECLINED].wishes = [
        Wish(careless, "pm_card_chargeDeclined", refusal="payment_declined"),
        Wish(careless, "pm_card_mastercard"),
    ]
    # Both have it in their cart before either checks out. Who comes second is only known afterwards.
    together = threading.Barrier(2, timeout=30)
    for person in (people[FIRST], people[SECOND]):
        person.wishes = [Wish({LAST_COPY: 1, goods[0]: 1}, refusal="insufficient_stock", together=together)]
    return people


def register(people: list[Shopper]) -> None:
    """Opens all accounts, side by side."""
    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(Shopper.register, people))


def go_shopping(people: list[Shopper], products: dict[str, str], ended: Callable[[Bought], None]) -> list[Bought]:
    """All customers buy at the same time, each one order after the other; `ended` is told of each.

    `products`: SKU → id. Returns the orders by their number.
    """

    def shop(person: Shopper) -> list[Bought]:
        bought = []
        for number, wish in enumerate(person.wishes):
            bought.append(_buy(person, number, wish, products))
            ended(bought[-1])
        return bought

    with ThreadPoolExecutor(len(people)) as pool:
        orders = [bought for each in pool.map(shop, people) for bought in each]
    return sorted(orders, key=lambda bought: int(bought.order["number"]))


def _buy(person: Shopper, number: int, wish: Wish, products: dict[str, str]) -> Bought:
    client = person.client
    client.delete("/v1/cart/items")  # after a refusal, what was wanted is still in it
    for sku, quantity in wish.items.items():
        client.post("/v1/cart/items", {"product_id": products[sku], "quantity": quantity})
    if wish.together:
        wish.together.wait()
    checkout = {"address": person.address, "payment": {"method": wish.method}}
    accepted = client.post("/v1/checkout", checkout, key=f"demo-{number}")
    again = client.post("/v1/checkout", checkout, key=f"demo-{number}")
    task = client.follow(accepted["task_id"])
    return Bought(person, wish, client.get(f"/v1/orders/{accepted['order_id']}"), task, again["task_id"])
