"""Static files, in the package. Their addresses contain a hash of their content, so that browsers keep them."""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from flask import Blueprint, Response, request

import design
from api.http.auth import public
from models.core.errors import NotFound

KINDS = {
    "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml; charset=utf-8",
}  # fmt: skip
SOURCES = {
    "style.css": ("design/tokens.css", "design/base.css", "css/forms.css", "css/layout.css", "css/catalogue.css",
                  "css/orders.css", "css/account.css", "css/print.css"),
    "desk.css": ("css/desk.css", "css/desk_orders.css", "css/desk_products.css", "css/settings.css", "css/stock.css",
                 "css/picking.css", "design/charts.css", "css/reports.css"),
    "ops.css": ("css/ops.css", "css/drawings.css", "css/console.css"),
    "htmx.js": ("vendor/htmx.js", "vendor/sse.js"),
    "passkeys.js": ("passkeys.js",),
    "push.js": ("push.js",),
    "push_worker.js": ("push_worker.js",),
    "shop.js": ("shop.js", "search.js"),
    "payment.js": ("payment.js",),
    "desk.js": ("desk.js",),
    "scan.js": ("scan.js",),
    "ops.js": ("ops.js",),
    "icons.svg": ("icons.svg",),
    "favicon.svg": ("favicon.svg",),
}  # fmt: skip
"""File → the sources that it is made of, in `static/` or in the package `design`."""
FOR_EVER = "public, max-age=31536000, immutable"

blueprint = Blueprint("assets", __name__)


@dataclass(frozen=True)
class Asset:
    """A file as it is sent. `name` contains the hash."""

    name: str
    kind: str
    content: bytes
    compressed: bytes


def address(name: str) -> str:
    """The address of a file."""
    return f"/assets/{_assets()[name].name}"


def content(name: str) -> bytes:
    """A file, for a view that sends it at an address of its own."""
    return _assets()[name].content


@blueprint.get("/assets/<name>")
@public
def asset(name: str) -> Response:
    """A static file. Only the present version exists."""
    found = _by_name().get(name)
    if found is None:
        raise NotFound("No such file.")
    response = Response(found.content, content_type=found.kind, headers={"Cache-Control": FOR_EVER})
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"]:
        response.set_data(found.compressed)
        response.content_encoding = "gzip"
    return response


@cache
def _assets() -> dict[str, Asset]:
    return {name: _read(name, sources) for name, sources in SOURCES.items()}


@cache
def _by_name() -> dict[str, Asset]:
    return {asset.name: asset for asset in _assets().values()}


def _read(name: str, sources: tuple[str, ...]) -> Asset:
    content = b"\n".join(_source(source) for source in sources)
    stem, _, kind = name.rpartition(".")
    hashed = f"{stem}.{blake2b(content, digest_size=8).hexdigest()}.{kind}"
    return Asset(hashed, KINDS[kind], content, gzip.compress(content, mtime=0))


def _source(path: str) -> bytes:
    folder, _, name = path.rpartition("/")
    where = files(design) if folder == "design" else files("web").joinpath("static", folder)
    return where.joinpath(name).read_bytes()
