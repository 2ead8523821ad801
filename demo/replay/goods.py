"""The products of a replay: their stock, and their prices, which change from invoice to invoice."""

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

# The shop has three kinds of products. Gifts and household goods are none of them; clothing asks for nothing.
KIND, CATEGORY = "clothing", "Gifts and household"
BATCH = 500  # products in one transaction


@dataclass(frozen=True)
class Offer:
    """What a product is called and costs, in minor units."""

    title: str
    price: int


class Shelf:
    """The products that the invoices name, by SKU."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._now: dict[str, Offer] = {}
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()

    def stock_up(self, lines: Sequence[Line], demand: Mapping[str, int], currency: str) -> None:
        """Makes the products that are not there yet, and sees to it that what is asked for can be had.

        A second call with the same demand changes nothing.
        """
        for start in range(0, len(lines), BATCH):
            some = lines[start : start + BATCH]
            with transaction() as session:
                found = _products(session, some)
                drafts = [_draft(line, currency) for line in some if line.sku not in found]
                catalogue.upsert_products(session, drafts)
                found = _products(session, some)
                _fill_up(session, {product.id: demand[sku] for sku, product in found.items()})
                self.ids |= {sku: product.id for sku, product in found.items()}
                self._now |= {sku: Offer(p.title, p.price_amount) for sku, p in found.items()}

    @contextmanager
    def at_prices_of(self, lines: Iterable[Line]) -> Iterator[None]:
        """Within the block the products are called and priced as in these lines.

        Waits while another block holds one of them at another price; blocks that agree run side by side.
        """
        wanted = {line.sku: Offer(line.title, line.price) for line in lines}
        with self._changed:
            self._changed.wait_for(lambda: all(self._may_become(sku, offer) for sku, offer in wanted.items()))
            self._offer({sku: offer for sku, offer in wanted.items() if self._now[sku] != offer})
            self._held.update(wanted.keys())
        try:
            yield
        finally:
            with self._changed:
                self._held.subtract(wanted.keys())
                self._changed.notify_all()

    def _may_become(self, sku: str, offer: Offer) -> bool:
        return self._now[sku] == offer or not self._held[sku]

    def _offer(self, changes: dict[str, Offer]) -> None:
        if not changes:
            return
        with transaction() as session:
            for sku, offer in sorted(changes.items(), key=lambda change: self.ids[change[0]]):
                product = catalogue.get_product(session, self.ids[sku], lock=True)
                catalogue.update_product(session, product, {"title": offer.title, "price_amount": offer.price})
        self._now |= changes


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


def _fill_up(session: Session, demand: dict[str, int]) -> None:
    """Brings what is available of each product up to what is asked for."""
    inventory.open_stock(session, [inventory.Opening(*wanted) for wanted in demand.items()], reference="replay")
    for product_id, there in sorted(inventory.get_available(session, demand).items()):
        if there < demand[product_id]:
            missing = demand[product_id] - there
            inventory.adjust(session, product_id, missing, "more stock for a replay", reference="replay")
