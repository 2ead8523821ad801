"""Catalogue imports: uploading a file, following its import, and what was refused."""

import hashlib
from datetime import date
from typing import Any

from flask import Response, g, request, url_for
from marshmallow import fields
from sqlalchemy.orm import Session

from api.catalogue.csv import refusal_rows
from api.catalogue.imports import MAX_FILE
from api.http.request_hooks import is_storable
from models import imports
from models.core.database import transaction
from models.core.errors import Invalid
from models.operations import attention
from serving.limits import count
from serving.pages import PageQuery, page
from web import access
from web.blueprint import desk, takes_files, takes_form
from web.desk.filters import Filters, read_filters
from web.desk.pages import show
from web.desk.sending import Outcome, read_outcome, send
from web.files import csv_file
from web.language import gettext
from web.wording import describe_refusal

IMPORT = '/imports/<id("imp"):import_id>'
UNDER_WAY = ("reading", "importing")


@desk.get("/imports")
@access.allowed("products:write")
def imports_page() -> Response:
    """The list of imports, newest first, and the form to upload a file."""
    return _show_imports(read_outcome())


@desk.post("/imports")
@takes_files(MAX_FILE)
@access.allowed("products:write")
def upload() -> Response:
    """Imports a CSV file as the API does."""

    def work(session: Session) -> str:
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            raise Invalid(gettext("Choose a file."))
        count("imports", g.principal.user_id)
        digest = hashlib.file_digest(sent.stream, "sha256").hexdigest()  # type: ignore[arg-type]
        sent.stream.seek(0)
        name = sent.filename[:255] if is_storable(sent.filename) else None
        made = imports.start_import(
            session, g.principal.user_id, sent.stream, sha256=digest, file_name=name, default_kind=None
        )
        return url_for("desk.import_page", import_id=made.id)

    return send(work, _show_imports)


@desk.get(IMPORT)
@access.allowed("products:write")
def import_page(import_id: str) -> Response:
    """How far an import is, and the first rows that were refused. `part`: only what changes."""
    return _show_import(import_id, read_outcome())


@desk.get(f"{IMPORT}/refused.csv")
@access.allowed("products:write")
def refused_rows(import_id: str) -> Response:
    """All refused rows as CSV."""
    with transaction() as session:
        imports.get(session, import_id)
    return csv_file(refusal_rows(import_id), f"refused-{import_id}.csv")


@desk.post(f"{IMPORT}/cancel")
@takes_form
@access.allowed("products:write")
def cancel_import(import_id: str) -> Response:
    """Cancels an import. What was imported stays."""

    def work(session: Session) -> str:
        made = imports.cancel_import(session, import_id)
        return url_for("desk.import_page", import_id=import_id, done="import_cancelled", task=made.run_id)

    return send(work, lambda outcome, status: _show_import(import_id, outcome, status))


class ImportQuery(PageQuery):
    refused = fields.Boolean()


def _since(filters: Filters) -> date | None:
    return attention.failed_since() if filters.values and filters.values.get("refused") else None


def _show_imports(outcome: Outcome, status: int = 200) -> Response:
    filters = read_filters(ImportQuery(), "refused")
    found: Any = {"data": [], "next_cursor": None}
    if filters.values is not None:
        with transaction() as session:
            found = page(session, imports.select_imports(_since(filters)), imports.Import.id.desc(), **filters.place)
    return show("imports.html", status, section="desk.imports_page", imports=found["data"], filters=filters,
                cursor=found["next_cursor"], outcome=outcome)  # fmt: skip


def _show_import(import_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        refused = imports.list_refusals(session, import_id, 0, imports.MAX_LISTED_REFUSALS)
        made = imports.get(session, import_id)
        counts = imports.count_so_far(session, made)
    template = "import_part.html" if "part" in request.args else "import.html"
    fault = describe_refusal(made.error["code"], made.error["detail"]) if made.error else ""
    return show(template, status, section="desk.imports_page", made=made, refused=refused, outcome=outcome, fault=fault,
                counts=counts, done=sum(counts.values()), is_under_way=made.status in UNDER_WAY)  # fmt: skip
