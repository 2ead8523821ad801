"""The search box: any id, e-mail address, number or reference leads to one timeline."""

from flask import Response, request

from models.core.database import transaction
from models.operations import finding
from web import access
from web.blueprint import ops
from web.ops.deleted import find_deleted
from web.ops.pages import show

LIMIT = 300  # entries


@ops.get("/find")
@access.allowed("runs:read", "orders:read")
def find() -> Response:
    """What the shop knows about what was typed in, oldest first. People appear by their ids."""
    asked = " ".join(request.args.get("q", "").split())[: finding.MAX_LENGTH]
    with transaction() as session:
        found = finding.find(session, asked, LIMIT) if asked else None
    return show("find.html", asked_for=asked, found=found, deleted=find_deleted(asked))
