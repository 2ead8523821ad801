"""Pictures that are ready, without workers."""

from models import pictures
from models.core.database import transaction
from tasks.gateways.files import open_store
from tests.photographs import photograph


def publish(picture_id: str, width: int = 60) -> None:
    """Does what the workers do for a picture that has been received."""
    files = {}
    for name, contents in pictures.render(photograph(width, 40), width):
        open_store().put(f"{picture_id}/{name}", contents, "image/*")
        files[name] = pictures.describe(contents)
    with transaction() as session:
        pictures.publish(session, picture_id, (width, 40), files)


def add_picture(product_id: str, alt: str = "", width: int = 60) -> str:
    """Adds a picture to a product; returns its id."""
    with transaction() as session:
        picture_id = pictures.add(session, product_id, photograph(width, 40), alt, None).id
    publish(picture_id, width)
    return picture_id
