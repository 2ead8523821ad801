"""The scenario of the demo: twelve customers, their orders, and the expected results."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from demo.client import Client, seconds_of
from demo.confirming import confirm_address

LAST_COPY = "BOOK-LAST-COPY"
PASSWORD = "a pass phrase for the demo only"
NAMES_AND_CITIES = (
    ("Ines", "Moreau", "Lyon", "FR"), ("Jakub", "Nowak", "Gdańsk", "PL"),
    ("Maren", "Hansen", "Aarhus", "DK"), ("Tiago", "Ferreira", "Porto", "PT"),
    ("Aoife", "Kelly", "Galway", "IE"), ("Luca", "Bianchi", "Turin", "IT"),
    ("Eszter", "Szabo", "Pécs", "HU"), ("Joost", "Bakker", "Utrecht", "NL"),
    ("Lotta", "Virtanen", "Tampere", "FI"), ("Pavel", "Dvorak", "Brno", "CZ"),
    ("Elena", "Popescu", "Cluj-Napoca", "RO"), ("Nils", "Brandt", "Leipzig", "DE"),
)  # fmt: skip
DECLINED, FIRST, SECOND = 9, 10, 11
"""Indexes of the customer whose card is declined, and of the two who want the last unit."""
ORDERS_EACH = (3, 3, 3, 3, 3, 3, 2, 2, 2)
"""Number of orders of each other customer."""


def username_of(last_name: str) -> str:
    """The user name of a customer."""
    return last_name.lower()


@dataclass(frozen=True)
class PlannedOrder:
    """A planned order: SKU → units, payment method, and the expected error code."""

    items: dict[str, int]
    method: str = "pm_card_visa"
    refusal: str | None = None
    together: threading.Barrier | None = None


@dataclass
class Customer:
    """A customer and their planned orders, placed one after the other."""

    client: Client
    first_name: str
    last_name: str
    city: str
    country: str
    planned_orders: list[PlannedOrder] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    def register(self) -> None:
        """Registers the customer."""
        username = username_of(self.last_name)
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
class Purchase:
    """The result of a planned order: order and task as the API shows them at the end.

    `again`: the task id that the repeated checkout request returned.
    """

    customer: Customer
    plan: PlannedOrder
    order: dict[str, Any]
    task: dict[str, Any]
    again: str

    @property
    def seconds(self) -> float:
        return seconds_of(self.task)

    @property
    def refusal(self) -> str | None:
        return (self.order["reason"] or {}).get("code")


def make_customers(shop: Client, skus: list[str]) -> list[Customer]:
    """Twelve customers with 28 planned orders in total, of two or three products each."""
    customers = [Customer(shop.new_client(), *customer) for customer in NAMES_AND_CITIES]
    goods = [sku for sku in sorted(skus) if sku != LAST_COPY]

    def some(number: int) -> dict[str, int]:
        picked = range(number, number + 2 + number % 2)
        return {goods[at * 37 % len(goods)]: 1 + at % 2 for at in picked}

    numbers = iter(range(sum(ORDERS_EACH) + 2))
    for customer, orders in zip(customers, ORDERS_EACH, strict=False):
        customer.planned_orders = [PlannedOrder(some(next(numbers))) for _ in range(orders)]
    careless = some(next(numbers))
    customers[DECLINED].planned_orders = [
        PlannedOrder(careless, "pm_card_chargeDeclined", refusal="payment_declined"),
        PlannedOrder(careless, "pm_card_mastercard"),
    ]
    # Both have it in their cart before either checks out. Which of them gets it is undetermined.
    together = threading.Barrier(2, timeout=30)
    for customer in (customers[FIRST], customers[SECOND]):
        customer.planned_orders = [
            PlannedOrder({LAST_COPY: 1, goods[0]: 1}, refusal="insufficient_stock", together=together)
        ]
    return customers


def register(customers: list[Customer], mailbox: str) -> None:
    """Registers all customers concurrently. All but the first confirm their e-mail address by the mailed token."""
    with ThreadPoolExecutor(len(customers)) as pool:
        list(pool.map(Customer.register, customers))
        list(pool.map(lambda customer: confirm_address(customer.client, mailbox), customers[1:]))


def place_orders(
    customers: list[Customer], products: dict[str, str], ended: Callable[[Purchase], None]
) -> list[Purchase]:
    """Places the orders of all customers concurrently, and those of each customer in sequence. Calls `ended` for each.

    `products`: SKU → id. Returns the orders sorted by number.
    """

    def shop(customer: Customer) -> list[Purchase]:
        purchases = []
        for number, plan in enumerate(customer.planned_orders):
            purchases.append(_place(customer, number, plan, products))
            ended(purchases[-1])
        return purchases

    with ThreadPoolExecutor(len(customers)) as pool:
        orders = [purchase for each in pool.map(shop, customers) for purchase in each]
    return sorted(orders, key=lambda purchase: int(purchase.order["number"]))


def _place(customer: Customer, number: int, plan: PlannedOrder, products: dict[str, str]) -> Purchase:
    client = customer.client
    client.delete("/v1/cart/items")  # after a refused checkout, the cart still contains its items
    for sku, quantity in plan.items.items():
        client.post("/v1/cart/items", {"product_id": products[sku], "quantity": quantity})
    if plan.together:
        plan.together.wait()
    checkout = {"address": customer.address, "payment": {"method": plan.method}}
    accepted = client.post("/v1/checkout", checkout, key=f"demo-{number}")
    again = client.post("/v1/checkout", checkout, key=f"demo-{number}")
    task = client.follow(accepted["task_id"])
    return Purchase(customer, plan, client.get(f"/v1/orders/{accepted['order_id']}"), task, again["task_id"])
