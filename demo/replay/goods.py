"""The products of a replay: their stock, and their prices, which change between invoices."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from demo.replay.retail import Line
from models import catalogue, inventory
from models.catalogue import Product
from models.core.database import transaction

# Gifts and household goods are not one of the shop's three product kinds; clothing has no required attributes.
KIND, CATEGORY = "clothing", "Gifts and household"
BATCH = 500  # products in one transaction


@dataclass(frozen=True)
class Offer:
    """Title and price of a product, in minor units."""

    title: str
    price: int


class Products:
    """The products of the invoices, by SKU."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._offers: dict[str, Offer] = {}
        self._in_use: Counter[str] = Counter()
        self._changed = threading.Condition()

    def ensure_stock(self, lines: Sequence[Line], demand: Mapping[str, int], currency: str) -> None:
        """Creates missing products and adds stock until the demand is available.

        Idempotent for the same demand.
        """
        for start in range(0, len(lines), BATCH):
            some = lines[start : start + BATCH]
            with transaction() as session:
                found = _products(session, some)
                drafts = [_draft(line, currency) for line in some if line.sku not in found]
                catalogue.upsert_products(session, drafts)
                found = _products(session, some)
                _add_stock(session, {product.id: demand[sku] for sku, product in found.items()})
                self.ids |= {sku: product.id for sku, product in found.items()}
                self._offers |= {sku: Offer(p.title, p.price_amount) for sku, p in found.items()}

    @contextmanager
    def at_prices_of(self, lines: Iterable[Line]) -> Iterator[None]:
        """Within the block, the products have the titles and prices of these lines.

        Waits while another block holds one of the products at another price. Blocks with equal prices run concurrently.
        """
        wanted = {line.sku: Offer(line.title, line.price) for line in lines}
        with self._changed:
            self._changed.wait_for(lambda: all(self._may_change_to(sku, offer) for sku, offer in wanted.items()))
            self._set_offers({sku: offer for sku, offer in wanted.items() if self._offers[sku] != offer})
            self._in_use.update(wanted.keys())
        try:
            yield
        finally:
            with self._changed:
                self._in_use.subtract(wanted.keys())
                self._changed.notify_all()

    def _may_change_to(self, sku: str, offer: Offer) -> bool:
        return self._offers[sku] == offer or not self._in_use[sku]

    def _set_offers(self, changes: dict[str, Offer]) -> None:
        if not changes:
            return
        with transaction() as session:
            for sku, offer in sorted(changes.items(), key=lambda change: self.ids[change[0]]):
                product = catalogue.get_product(session, self.ids[sku], lock=True)
                catalogue.update_product(session, product, {"title": offer.title, "price_amount": offer.price})
        self._offers |= changes


def _products(session: Session, lines: Iterable[Line]) -> dict[str, Product]:
    skus = [line.sku for line in lines]
    query = select(Product).where(Product.sku.in_(skus), Product.deleted_at.is_(None))
    return {product.sku: product for product in session.scalars(query)}


def _draft(line: Line, currency: str) -> catalogue.ProductInput:
    return catalogue.validate(
        {
            "sku": line.sku, "kind": KIND, "title": line.title, "category": CATEGORY,
            "price_amount": line.price, "currency": currency,
        }
    )  # fmt: skip


def _add_stock(session: Session, demand: dict[str, int]) -> None:
    """Adds stock until the demand for each product is available."""
    inventory.open_stock(session, [inventory.Opening(*wanted) for wanted in demand.items()], reference="replay")
    for product_id, there in sorted(inventory.get_available(session, demand).items()):
        if there < demand[product_id]:
            missing = demand[product_id] - there
            inventory.adjust(session, product_id, missing, "more stock for a replay", reference="replay")
