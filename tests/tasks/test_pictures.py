"""What a step does of which the picture is gone when it has stored its files."""

from models import pictures
from models.core.database import transaction
from tasks.gateways.files import open_store
from tasks.pictures import render
from tests.photographs import photograph
from tests.shopping import make_product


def test_a_worker_that_comes_too_late_deletes_what_it_has_stored(database: None) -> None:
    product_id = make_product("MUG", 1)
    with transaction() as session:
        kept = pictures.add(session, product_id, photograph(60, 40), "", None)
        removed = pictures.add(session, product_id, photograph(60, 40), "", None)
        pictures.remove(session, removed)
    for picture_id in (kept.id, removed.id):
        files = render.make_call({"picture_id": picture_id, "width": 60}, "key")
        assert set(files) == {"60.avif", "60.webp", "60.jpg"}  # type: ignore[call-overload]
    assert open_store().list_names(kept.id) == {"60.avif", "60.webp", "60.jpg"}
    assert open_store().list_names(removed.id) == set()
