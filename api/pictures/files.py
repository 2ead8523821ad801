"""Serving the files of pictures."""

from flask import Response, request
from flask.views import MethodView

from api.http.auth import public
from api.http.etags import ETAG
from api.http.fields import FILE
from api.pictures.blueprint import blueprint
from models import pictures
from models.core.errors import NotFound
from tasks.gateways.files import open_store

IMMUTABLE = "public, max-age=31536000, immutable"
"""What an address shows never changes: a picture's content is that of its upload, and its id is never used again."""


@blueprint.route('/pictures/<id("pic"):picture_id>/<int:width>.<any(avif,webp,jpg):ending>')
class PictureFileView(MethodView):
    @public
    @blueprint.response(200, FILE, content_type="image/avif", headers=ETAG)
    @blueprint.alt_response(200, schema=FILE, content_type="image/webp")
    @blueprint.alt_response(200, schema=FILE, content_type="image/jpeg")
    def get(self, picture_id: str, width: int, ending: str) -> Response:
        """Returns a file of a picture. Addresses are in the `sources` of the picture; they may be cached for good."""
        name = f"{width}.{ending}"
        sha256 = pictures.find_file(picture_id, name)
        headers = {"ETag": f'"{sha256[:32]}"', "Cache-Control": IMMUTABLE}
        if request.if_none_match.contains(sha256[:32]):
            return Response(status=304, headers=headers)  # without asking the store
        contents = open_store().get(f"{picture_id}/{name}")
        if contents is None:
            raise NotFound("No such file.")
        return Response(contents, headers=headers, mimetype=pictures.FORMATS[ending])
