"""ETags (RFC 9110, section 8.8): a version of what was stored and, behind a dot, what else is shown with it.

If-Match looks at the version alone: a sale between reading and changing a product is no conflict.
"""

from datetime import datetime

from flask import Response, request

from models.core.errors import Stale

ETAG = {"ETag": {"schema": {"type": "string"}}}
"""For the OpenAPI document: the headers of an answer that has an ETag."""


def etag(updated_at: datetime, shown_beside: object = "") -> dict[str, str]:
    """The headers of a resource that was changed last at that time. A cache may keep it, and must ask again."""
    return {"ETag": f'"{_version(updated_at)}.{shown_beside}"', "Cache-Control": "no-cache"}


def check_unchanged(updated_at: datetime) -> None:
    """Raises Stale if the request names another version in If-Match. The row must be locked."""
    wanted = request.if_match
    if not wanted or wanted.star_tag:
        return
    if _version(updated_at) not in {tag.partition(".")[0] for tag in wanted}:
        raise Stale("This has changed since you looked; look again before you change it.")


def not_modified(response: Response) -> Response:
    """After a request: 304 without a body, if that is what the client has already (If-None-Match)."""
    if response.status_code == 200:
        response.make_conditional(request)
    return response


def _version(updated_at: datetime) -> str:
    return updated_at.strftime("%Y%m%d%H%M%S%f")
