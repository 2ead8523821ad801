"""`/`, `/openapi.json`, `/asyncapi.json`, `/docs` and `/docs/errors`. All assets are served locally."""

import gzip
import re
from functools import cache, lru_cache
from importlib.resources import files

from flask import Response, current_app, jsonify, render_template_string, request, url_for
from flask_smorest import Blueprint
from markdown_it import MarkdownIt
from marshmallow import fields

from api.docs import asyncapi
from api.docs.error_codes import SOURCE
from api.http.auth import public
from api.http.etags import ETAG, not_modified
from api.http.fields import Schema
from models.core.errors import NotFound

blueprint = Blueprint("docs", __name__, description="API documentation")
KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "png": "image/png"}
OWN_ASSETS = {
    "start.js": """
window.ui = SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "list", defaultModelsExpandDepth: 0,
  displayRequestDuration: true, filter: true, persistAuthorization: false, validatorUrl: null, tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
});
""",
    "errors.css": """
body { font: 16px/1.6 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto; max-width: 50rem;
  padding: 0 1rem; }
a { color: #1d5c8a; } code { background: #eef1f4; padding: .1em .3em; border-radius: 3px; }
pre { background: #eef1f4; padding: 1rem; overflow-x: auto; } pre code { padding: 0; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { text-align: left; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid #d5dae1; vertical-align: top; }
h3:target { background: #fff3c4; } h3 a { text-decoration: none; color: inherit; }
""",
}
SWAGGER_ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Swagger UI sets inline styles. Scripts are loaded from files only."""

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
{%- for name in styles %}<link rel="stylesheet" href="{{ asset(name) }}">{% endfor %}
<link rel="icon" href="{{ asset("favicon-32x32.png") }}"></head>
<body>{{ body|safe }}
{%- for name in scripts %}<script src="{{ asset(name) }}"></script>{% endfor %}</body>
</html>
"""


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
        answer = _page("Shopflow", f"<h1>Shopflow</h1><p>The API of a shop.</p><ul>{items}</ul>", ["errors.css"], [])
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
    made: str = current_app.extensions["openapi"]()
    return _cacheable(Response(made, mimetype="application/json"), seconds=60)


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
    """Returns the API reference as an interactive page."""
    return _page(
        "Shopflow API", '<div id="swagger-ui"></div>', ["swagger-ui.css"], ["swagger-ui-bundle.js", "start.js"]
    )


@blueprint.route("/docs/errors", methods=["GET"])
@public
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=ETAG)
def errors() -> Response:
    """Returns the list of error codes, with status, meaning and remedy. The `type` of a problem links here."""
    return _page("Shopflow errors", errors_as_html(), ["errors.css"], [])


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


@cache
def _content(name: str) -> bytes:
    if name in OWN_ASSETS:
        return OWN_ASSETS[name].encode()
    if name not in SWAGGER_ASSETS:
        raise NotFound("No such file.")
    return files("flask_swagger_ui").joinpath("dist", name).read_bytes()


@lru_cache(maxsize=16)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _page(title: str, body: str, styles: list[str], scripts: list[str]) -> Response:
    html = render_template_string(
        PAGE, title=title, body=body, styles=styles, scripts=scripts,
        asset=lambda name: url_for("docs.asset", name=name),
    )  # fmt: skip
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
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
