"""The same work with a thousand, a hundred thousand and a million past orders, and as many products.

A past order has three parcels and ten stock movements.

Each size is a separate shop. They are started one at a time and measured alternately, so that the figures of a round
are taken within minutes of each other.
"""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import Report, alternating
from benchmarks.parts import Shop

CUSTOMERS, ORDERS = 8, 160
LISTS, SWEEPS, PARCELS = 100, 200, 40
"""List requests, sweeps of the dispatcher, and shipped parcels, per measurement."""
MAX_RATIO = 1.15
PATHS = {
    "products, newest first": "/v1/products",
    "products by price": "/v1/products?sort=price",
    "a customer's orders": "/v1/orders",
}
PATHS_OF_STAFF = {
    "all orders, for staff": "/v1/orders",
    "an order by its invoice": "/v1/orders?q=PAST-7",
    "orders by payment status": "/v1/orders?payment_status=captured",
    "the page of an order": "/v1/orders/{order_id}",
    "the tracking of an order": "/v1/orders/{order_id}/tracking",
    "the picking list": "/v1/picking-lists?warehouse_id={warehouse_id}",
    "a product's stock movements": "/v1/stock/movements?product_id={product_id}",
    "the feed of events": "/v1/events?after=0",
}
STAFF = {"username": "operator", "email": "operator@example.com", "password": "a pass phrase for operators"}
SendCommand = Callable[[dict[str, Any]], dict[str, Any]]


def measure(folder: Path, runs: int, sizes: list[int]) -> Report:
    """Creates a shop of each size in `folder`, then measures them alternately."""
    report = Report("growth", runs)
    shops = {size: Shop(folder / str(size)) for size in sizes}
    for size, shop in shops.items():
        report.say(f"creating {size} products and past orders")
        with shop.up():
            shop.module("benchmarks.history", "fill", size, size)
            shop.run("create-admin", *(f"--{name}={value}" for name, value in STAFF.items()))
    for size in alternating(runs, sizes):
        report.calibrate()
        with shops[size].up() as shop, shop.customers(CUSTOMERS) as send:
            _measure(report, shop, send, size)
    for size in sizes[1:]:
        _compare(report, sizes[0], size)
    return report


def _measure(report: Report, shop: Shop, send: SendCommand, size: int) -> None:
    send({"shop": [CUSTOMERS, ORDERS]})  # warm-up: connections, code, cached rows
    done = send({"shop": [CUSTOMERS, ORDERS]})
    if done["wrong"]:
        raise RuntimeError(f"With {size} past orders: {done['wrong'][:3]}")
    report.note(_name("orders", size), ORDERS / done["seconds"], "orders/s")
    for what, path in PATHS.items():
        _read(report, send, size, what, path)
    send({"sign_in": [STAFF["username"], STAFF["password"]]})
    ids = json.loads(shop.module("benchmarks.history", "one"))
    for what, path in PATHS_OF_STAFF.items():
        _read(report, send, size, what, path.format(**ids))
    send({"ship": PARCELS})
    report.note(_name("a parcel, to its shipment", size), median(send({"ship": PARCELS})["seconds"]) * 1000, "ms")
    sweeps = json.loads(shop.module("benchmarks.sweeps", SWEEPS))
    report.note(_name("the dispatcher's sweep", size), median(sweeps) * 1000, "ms")
    for job, seconds in json.loads(shop.module("benchmarks.jobs")).items():
        report.note(_name(f"the job {job}", size), seconds * 1000, "ms")
    report.say(f"with {size} past orders: {ORDERS / done['seconds']:.1f} orders/s")


def _read(report: Report, send: SendCommand, size: int, what: str, path: str) -> None:
    send({"get": [path, LISTS]})
    report.note(_name(what, size), median(send({"get": [path, LISTS]})["seconds"]) * 1000, "ms")


def _compare(report: Report, small: int, large: int) -> None:
    """Adds how many times slower the large shop is, from measurements of the same round."""
    for figure in list(report.figures.values()):
        what, _, at = figure.name.rpartition(", with ")
        if at != f"{small} past orders":
            continue
        for one, other in zip(figure.values, report.figures[_name(what, large)].values, strict=True):
            slower = one / other if figure.unit == "orders/s" else other / one
            report.note(f"{what}: {large} compared with {small}", slower, "times slower", at_most=MAX_RATIO)


def _name(what: str, size: int) -> str:
    return f"{what}, with {size} past orders"
