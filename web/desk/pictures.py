"""Pictures of a product: uploading, describing, ordering and deleting them. Workers make their files meanwhile."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.pictures.schemas import PictureChanges
from models import catalogue, pictures
from models.core.database import transaction
from models.core.errors import Invalid, NotFound
from models.pictures import Picture
from serving.limits import count
from settings import settings
from web import access
from web.blueprint import desk, takes_files, takes_form
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text, whole
from web.desk.versions import check_version, version_of
from web.desk.words import describe
from web.language import gettext

PAGE = '/products/<id("prd"):product_id>/pictures'
PICTURE = '/pictures/<id("pic"):picture_id>'
MOST_BYTES = 4 * settings.picture_bytes
"""Of all pictures of a form together; each has at most `picture_bytes`."""


@desk.get(PAGE)
@access.allowed("products:write")
def pictures_page(product_id: str) -> Response:
    """The pictures of a product in their order, with those that are not shown, and the form to upload more."""
    return _show(product_id, read_outcome())


@desk.post(PAGE)
@takes_files(MOST_BYTES)
@access.allowed("products:write")
def upload_pictures(product_id: str) -> Response:
    """Adds pictures behind the others. If one cannot be taken, none is, and the page says which."""

    def work(session: Session) -> str:
        bodies = _read_files()
        for body in bodies:
            pictures.add(session, product_id, body, "", g.principal.user_id)
        return url_for("desk.pictures_page", product_id=product_id, done="uploaded")

    return send(work, lambda outcome, status: _show(product_id, outcome, status))


@desk.get(PICTURE)
@access.allowed("products:write")
def picture_part(picture_id: str) -> Response:
    """What a picture shows, or how far it is: the part of the page that changes."""
    with transaction() as session:
        picture = pictures.get(session, picture_id)
    return show("picture_part.html", picture=picture)


@desk.post(PICTURE)
@takes_form
@access.allowed("products:write")
def describe_picture(picture_id: str) -> Response:
    """Saves the text of a picture, unless somebody else has changed it since the page was opened."""

    def work(session: Session) -> str:
        picture = pictures.get(session, picture_id, lock=True)
        check_version(picture.alt)
        body: Any = {"alt": "", **load(PictureChanges(), alt=text("alt"))}
        pictures.update(session, picture, body)
        return url_for("desk.pictures_page", product_id=picture.product_id, done="described")

    return _act(picture_id, work)


@desk.post(f"{PICTURE}/move")
@takes_form
@access.allowed("products:write")
def move_picture(picture_id: str) -> Response:
    """Moves a picture to a place, unless the order has changed since the page was opened."""

    def work(session: Session) -> str:
        picture = pictures.get(session, picture_id, lock=True)
        check_version(_order(_list(session, picture.product_id)))
        body: Any = PictureChanges().load({"position": max(whole(text("to")), 1)})
        pictures.update(session, picture, body)
        return url_for("desk.pictures_page", product_id=picture.product_id, done="moved", _anchor=picture_id)

    return _act(picture_id, work)


@desk.post(f"{PICTURE}/delete")
@takes_form
@access.allowed("products:write")
def delete_picture(picture_id: str) -> Response:
    """Deletes a picture. Its files are deleted soon after."""

    def work(session: Session) -> str:
        picture = pictures.get(session, picture_id, lock=True)
        pictures.remove(session, picture)
        return url_for("desk.pictures_page", product_id=picture.product_id, done="picture_deleted")

    return _act(picture_id, work)


def _act(picture_id: str, work: Callable[[Session], str]) -> Response:
    """Does something with a picture once; a refusal shows the page of its product."""
    with transaction() as session:
        row = session.get(Picture, picture_id)
        product_id = row.product_id if row is not None else None
    if product_id is None:
        raise NotFound("No such picture.")
    return send(work, lambda outcome, status: _show(product_id, outcome, status))


def _read_files() -> list[bytes]:
    """The files that were chosen. Raises Invalid with what is wrong with each that cannot be taken."""
    chosen = [file for file in request.files.getlist("file") if file.filename]
    if not chosen:
        raise Invalid(gettext("Choose a file."))
    bodies, faults = [], []
    for file in chosen:
        count("pictures", g.principal.user_id)
        body = file.stream.read(settings.picture_bytes + 1)
        try:
            if len(body) > settings.picture_bytes:
                raise pictures.PictureRefused(gettext("The file is too large."))
            pictures.read_head(body)
        except (pictures.PictureRefused, pictures.UnsupportedPicture) as error:
            faults.append(f"{(file.filename or '')[:100]}: {describe(error)}")
        bodies.append(body)
    if faults:
        raise Invalid(" ".join([gettext("Nothing was uploaded."), *faults]))
    return bodies


def _list(session: Session, product_id: str) -> Sequence[Picture]:
    query = pictures.select_pictures(product_id, None).order_by(Picture.position, Picture.id)
    return session.scalars(query).all()


def _order(found: Sequence[Picture]) -> list[str]:
    return [picture.id for picture in found]


def _show(product_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        product = catalogue.get_product(session, product_id)
        found = _list(session, product.id)
    return show(
        "pictures.html", status, section="desk.products_page", product=product, pictures=found, outcome=outcome,
        order=version_of(_order(found)), versions={one.id: version_of(one.alt) for one in found},
        most=settings.product_pictures, megabytes=settings.picture_bytes >> 20, together=MOST_BYTES >> 20,
    )  # fmt: skip
