"""ETags (RFC 9110, section 8.8): the version of the stored row, and, after a dot, derived values shown with it.

If-Match compares the version only: a sale between reading and changing a product is not a conflict.
"""

from datetime import datetime

from flask import Response, request

from api.http.errors import problem
from models.core.errors import Stale

ETAG = {"ETag": {"schema": {"type": "string"}}}
"""The response headers of a view with an ETag, for the OpenAPI document."""
CHANGED = "The resource has changed since you read it; read it again."


def etag(updated_at: datetime, shown_beside: object = "") -> dict[str, str]:
    """Headers of a resource last changed at `updated_at`. Caches may store it, but must revalidate."""
    return {"ETag": f'"{_version(updated_at)}.{shown_beside}"', "Cache-Control": "no-cache"}


def check_unchanged(updated_at: datetime) -> None:
    """Raises Stale if If-Match names another version, or none that can be read. The row must be locked."""
    wanted = request.if_match
    if "If-Match" not in request.headers or wanted.star_tag:
        return
    if _version(updated_at) not in {(tag or "").partition(".")[0] for tag in wanted}:
        raise Stale(CHANGED)


def not_modified(response: Response) -> Response:
    """The response, or 304 if the client already has this version (If-None-Match), or 412 if it wants another one
    (If-Match)."""
    if response.status_code == 200 and response.make_conditional(request).status_code == 412:
        return problem(Stale.status, Stale.code, CHANGED)  # Werkzeug leaves the resource as the body
    return response


def _version(updated_at: datetime) -> str:
    return updated_at.strftime("%Y%m%d%H%M%S%f")
