"""Starts the workflows of pictures."""

from functools import cache

from sqlalchemy.orm import Session

import durable
from models import catalogue, pictures
from models.core.database import transaction
from models.pictures import Picture
from tasks.gateways.files import open_store
from tests.faults.drivers.registry import drives, numbers
from tests.photographs import photograph
from tests.shopping import make_product


@cache
def _photograph() -> bytes:
    return photograph(400, 300)


def _add(session: Session, product_id: str, body: bytes) -> Picture:
    return pictures.add(session, product_id, body, "A mug", None)


@drives("picture", "pictures.inspect", "pictures.render", "pictures.publish")
def picture(refused_at: str | None = None) -> str:
    """A picture of a new product, of two widths. To be refused, it is incomplete or removed, or its product deleted."""
    product_id, body = make_product(f"SHOWN-{next(numbers)}", 0), _photograph()
    with transaction() as session:
        made = _add(session, product_id, body[:900] if refused_at == "pictures.inspect" else body)
        if refused_at == "pictures.render":
            pictures.remove(session, made)
        elif refused_at == "pictures.publish":
            catalogue.delete_product(session, catalogue.get_product(session, product_id))
    return made.run_id


@drives("picture_removal")
def picture_removal(refused_at: str | None = None) -> str:
    """A picture that has failed is removed; there is a file of it nevertheless."""
    product_id = make_product(f"REMOVED-{next(numbers)}", 0)
    with transaction() as session:
        made = _add(session, product_id, _photograph())
        durable.cancel(session, made.run_id)
        pictures.fail(session, made.id, {"code": "picture_refused"})
    open_store().put(f"{made.id}/320.jpg", b"left over", "image/jpeg")
    with transaction() as session:
        pictures.remove(session, pictures.get(session, made.id, lock=True))
        return durable.start(session, "picture_removal", key=made.id, input={"picture_id": made.id})


@drives("picture_sweep")
def picture_sweep(refused_at: str | None = None) -> str:
    """Pictures of deleted products are looked for; there are none, because their removal would be a run of its own."""
    with transaction() as session:
        return durable.start(session, "picture_sweep", key=f"test-{next(numbers)}", input={"slot": "2026-11-21"})
