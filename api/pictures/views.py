"""Views of pictures."""

from typing import Any

from flask import g, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed, public
from api.http.errors import error_codes
from api.http.etags import ETAG, check_unchanged, etag
from api.http.fields import FILE
from api.http.idempotency import idempotent
from api.http.limits import limited
from api.http.pagination import Page, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.http.request_hooks import takes_files
from api.pictures.blueprint import blueprint
from api.pictures.schemas import (
    AcceptedPicture,
    NewPictureQuery,
    Picture,
    PictureChanges,
    PictureChangesBody,
    PictureQuery,
    ShownPictures,
)
from api.pictures.upload import FORM_BYTES, with_picture
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from durable import queries
from models import pictures
from models.core.database import transaction
from settings import settings

WAIT_RESULT = WaitResult(
    Picture, "picture", lambda session, run: _shown(pictures.get(session, run.input["picture_id"]))
)
BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": FILE, "alt": {"type": "string", "maxLength": pictures.MAX_ALT}},
            }
        },
        "application/octet-stream": {"schema": FILE},  # or any other: the bytes decide
    },
}


@blueprint.route('/products/<id("prd"):product_id>/pictures')
class ProductPicturesView(MethodView):
    @public
    @blueprint.response(200, ShownPictures, headers=ETAG)
    def get(self, product_id: str) -> tuple[object, dict[str, str]]:
        """Returns the pictures of a product that are ready, in their order."""
        with transaction() as session:
            found = pictures.list_shown(session, product_id)
        newest = max((picture.updated_at for picture in found), default=None)
        version = "".join(picture.id[-12:] for picture in found)
        return {"data": found}, etag(newest, version) if newest else {"ETag": '"none"', "Cache-Control": "no-cache"}

    @allowed("products:write")
    @error_codes("unsupported_picture", "picture_refused", "too_many_pictures", "upload_too_slow", "wrong_state")
    @takes_files(settings.picture_bytes + FORM_BYTES)
    @blueprint.doc(requestBody=BODY)
    @blueprint.arguments(NewPictureQuery, location="query")
    @limited("pictures", by="caller")
    @may_wait(WAIT_RESULT)
    @with_picture
    @idempotent(body_digest=lambda: str(g.upload.digest))
    @blueprint.response(202, AcceptedPicture, headers=LOCATION)
    def post(self, session: Session, query: dict[str, str], product_id: str) -> TaskAnswer:
        """Adds a picture behind the others of a product: JPEG, PNG, WebP or AVIF, as the body or as a form.

        The bytes decide the type, whatever the name and the Content-Type say. The task decodes the file and makes files
        of several widths as AVIF, WebP and JPEG: upright, in sRGB, never larger than the original, and without metadata
        such as the place where it was taken. The upload itself is not kept.
        """
        upload = g.upload
        made = pictures.add(session, product_id, upload.body, upload.alt, g.principal.user_id)
        session.refresh(made)
        return accept(queries.get_run(session, made.run_id), picture_id=made.id, picture=_shown(made))


@blueprint.route("/pictures")
class PicturesView(MethodView):
    @allowed("products:write")
    @blueprint.arguments(PictureQuery, location="query")
    @blueprint.response(200, page_of(Picture))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns pictures, newest first, with those that are not shown."""
        about = {name: query.pop(name, None) for name in ("product_id", "status")}
        with transaction() as session:
            found = page(session, pictures.select_pictures(**about), pictures.Picture.id.desc(), **query)
        found["data"] = [_shown(picture) for picture in found["data"]]
        return found


@blueprint.route('/pictures/<id("pic"):picture_id>')
class PictureView(MethodView):
    @allowed("products:write")
    @blueprint.response(200, Picture, headers=ETAG)
    def get(self, picture_id: str) -> tuple[object, dict[str, str]]:
        """Returns a picture, also one that is not shown, with the reason."""
        with transaction() as session:
            found = pictures.get(session, picture_id)
        return _shown(found), etag(found.updated_at)

    @allowed("products:write")
    @error_codes("stale")
    @blueprint.arguments(PictureChanges)
    @blueprint.response(200, Picture, headers=ETAG)
    def patch(self, body: PictureChangesBody, picture_id: str) -> tuple[object, dict[str, str]]:
        """Changes the text or the place of a picture; the others of the product make room."""
        with transaction() as session:
            found = pictures.get(session, picture_id, lock=True)
            check_unchanged(found.updated_at)
            pictures.update(session, found, body)
        return _shown(found), etag(found.updated_at)

    @allowed("products:write")
    @error_codes("stale")
    @blueprint.response(204)
    def delete(self, picture_id: str) -> None:
        """Removes a picture. Nobody sees it any more; its files are deleted soon after."""
        with transaction() as session:
            found = pictures.get(session, picture_id, lock=True)
            check_unchanged(found.updated_at)
            pictures.remove(session, found)


def _shown(picture: pictures.Picture) -> dict[str, object]:
    same = (
        "id", "product_id", "run_id", "status", "alt", "position", "width", "height", "sources", "error",
        "created_at", "updated_at",
    )  # fmt: skip
    found = {
        "self": url_for("pictures.PictureView", picture_id=picture.id),
        "product": url_for("catalogue.ProductView", product_id=picture.product_id),
        "task": url_for("tasks.TaskView", run_id=picture.run_id),
    }
    return {**{name: getattr(picture, name) for name in same}, "links": found}
