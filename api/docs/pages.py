"""`/`, `/openapi.json`, `/asyncapi.json`, `/docs` and the pages below it. All assets are served locally."""

import gzip
import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Response, current_app, jsonify, request, url_for
from flask_smorest import Blueprint
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from marshmallow import fields

from api.docs import asyncapi
from api.docs.error_codes import SOURCE
from api.docs.openapi import operations
from api.docs.parts import part_of
from api.http.auth import public
from api.http.etags import ETAG, not_modified
from api.http.fields import Schema
from design import BASE, read_styles
from models.core.errors import NotFound

blueprint = Blueprint("docs", __name__, description="API documentation")
HERE = Path(__file__).parent
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"), undefined=StrictUndefined, autoescape=True, trim_blocks=True
)
KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "png": "image/png"}
OWN_ASSETS = ("index.css", "index.js", "operations.css", "operations.js", "pages.css")
SWAGGER_ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
SWAGGER_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI sets inline styles. Scripts are loaded from files only."""
LINKS = {
    "docs": "/docs", "errors": "/docs/errors", "openapi": "/openapi.json", "asyncapi": "/asyncapi.json",
    "liveness": "/healthz", "readiness": "/readyz", "products": "/v1/products",
}  # fmt: skip


class Start(Schema):
    name = fields.String(required=True, metadata={"example": "shopflow"})
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True, metadata={"example": LINKS})


@blueprint.route("/", methods=["GET"])
@public
@blueprint.response(200, Start, headers=ETAG)
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/html")
def start() -> Response:
    """Returns the addresses of documentation, health checks and products: to browsers as a page, to others as JSON."""
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        items = "".join(f'<li><a href="{path}">{path}</a>: {name}</li>' for name, path in LINKS.items())
        body = f"<h1>Shopflow</h1><p>The API of a shop.</p><ul>{items}</ul>"
        answer = _page("page.html", title="Shopflow", body=body)
    else:
        answer = _cacheable(jsonify({"name": "shopflow", "links": LINKS}), seconds=60)
    answer.vary.add("Accept")
    return answer


@blueprint.route("/openapi.json", methods=["GET"])
@public
@blueprint.response(
    200, {"type": "object", "additionalProperties": True, "example": {"openapi": "3.1.0"}}, headers=ETAG
)
def openapi() -> Response:
    """Returns the OpenAPI 3.1 document."""
    return _cacheable(Response(_document(), mimetype="application/json"), seconds=60)


@blueprint.route("/asyncapi.json", methods=["GET"])
@public
@blueprint.response(
    200, {"type": "object", "additionalProperties": True, "example": {"asyncapi": "3.0.0"}}, headers=ETAG
)
def public_events() -> Response:
    """Returns the AsyncAPI 3.0 document: the public events and the schemas of their data."""
    return _cacheable(Response(asyncapi.document(), mimetype="application/json"), seconds=60)


@blueprint.route("/docs", methods=["GET"])
@public
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=ETAG)
def docs() -> Response:
    """Returns a page with all operations by tag. Each links to the API reference of its tag."""
    return _page(
        "index.html", title="Shopflow API", **_index(_document()), styles=("pages.css", "index.css"),
        scripts=("index.js",),
    )  # fmt: skip


@blueprint.route("/docs/<role:tag>", methods=["GET"])
@public
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=ETAG)
def tag_docs(tag: str) -> Response:
    """Returns the API reference of one tag as an interactive page, from which requests can be sent."""
    _part(tag)  # 404 if there is no such tag
    return _page(
        "operations.html", title=f"Shopflow API: {tag}", document=url_for("docs.tag_openapi", tag=tag),
        styles=("pages.css", "swagger-ui.css", "operations.css"), scripts=("swagger-ui-bundle.js", "operations.js"),
        policy=SWAGGER_POLICY,
    )  # fmt: skip


@blueprint.route("/docs/<role:tag>/openapi.json", methods=["GET"])
@public
@blueprint.response(
    200, {"type": "object", "additionalProperties": True, "example": {"openapi": "3.1.0"}}, headers=ETAG
)
def tag_openapi(tag: str) -> Response:
    """Returns the part of the OpenAPI document that describes the operations of one tag."""
    return _cacheable(Response(_part(tag), mimetype="application/json"), seconds=60)


@blueprint.route("/docs/errors", methods=["GET"])
@public
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=ETAG)
def errors() -> Response:
    """Returns the list of error codes, with status, meaning and remedy. The `type` of a problem links here."""
    return _page("page.html", title="Shopflow errors", body=errors_as_html())


@blueprint.route("/docs/assets/<name>", methods=["GET"])
@public
@blueprint.response(200, {"type": "string"}, content_type="text/css", headers=ETAG)
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/javascript")
@blueprint.alt_response(200, schema={"type": "string", "format": "binary"}, content_type="image/png")
def asset(name: str) -> Response:
    """Returns a script, stylesheet or image of these pages."""
    return _cacheable(Response(_content(name), content_type=KINDS[name.rpartition(".")[2]]), seconds=24 * 3600)


@cache
def errors_as_html() -> str:
    """Renders docs/errors.md, with an anchor for every code."""
    made: str = MarkdownIt("commonmark").enable("table").render(SOURCE.read_text())
    return re.sub(r"<h3><code>(\w+)</code></h3>", r'<h3 id="\1"><a href="#\1"><code>\1</code></a></h3>', made)


def _document() -> str:
    made: str = current_app.extensions["openapi"]()
    return made


@lru_cache(maxsize=1)
def _parts(document: str) -> dict[str, str]:
    """Tag → its part of the document, as JSON."""
    whole = json.loads(document)
    names = [tag["name"] for tag in whole["tags"]]
    return {name: json.dumps(part_of(whole, name), ensure_ascii=False, separators=(",", ":")) for name in names}


def _part(tag: str) -> str:
    try:
        return _parts(_document())[tag]
    except KeyError:
        raise NotFound("No such tag.") from None


@lru_cache(maxsize=1)
def _index(document: str) -> dict[str, Any]:
    """What the list of operations shows: the document's description as HTML, and the operations of each tag."""
    described = json.loads(document)
    rows = [
        {"method": method, "path": path, "id": found["operationId"], "summary": found["summary"], "tags": found["tags"]}
        for path, method, found in operations(described)
    ]
    tags = [{**tag, "operations": [row for row in rows if tag["name"] in row["tags"]]} for tag in described["tags"]]
    return {"description": MarkdownIt("commonmark").render(described["info"]["description"]), "tags": tags}


@cache
def _content(name: str) -> bytes:
    if name == "pages.css":
        return read_styles(*BASE).encode() + (HERE / "assets" / name).read_bytes()
    if name in OWN_ASSETS:
        return (HERE / "assets" / name).read_bytes()
    if name not in SWAGGER_ASSETS:
        raise NotFound("No such file.")
    return files("flask_swagger_ui").joinpath("dist", name).read_bytes()


@lru_cache(maxsize=64)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _page(
    template: str, *, styles: tuple[str, ...] = ("pages.css",), scripts: tuple[str, ...] = (), policy: str = POLICY,
    **values: Any,
) -> Response:  # fmt: skip
    html = TEMPLATES.get_template(template).render(
        **values, styles=styles, scripts=scripts, asset=lambda name: url_for("docs.asset", name=name)
    )
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy
    return _cacheable(response, seconds=60)


def _cacheable(response: Response, seconds: int) -> Response:
    """Lets caches store the response for `seconds` and revalidate it afterwards. Compressed, if the client takes it.

    Only what is the same for everybody may be compressed: the length of a compressed secret beside something that an
    attacker has sent tells of the secret (BREACH).
    """
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] and response.mimetype != "image/png":
        response.set_data(_compressed(response.get_data()))
        response.content_encoding = "gzip"
    response.add_etag()  # after that: each encoding has its own
    return not_modified(response)
