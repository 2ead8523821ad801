"""Views of catalogue imports and the export."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import IO, Any, ParamSpec, TypeVar

from flask import Response, g, request, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType

from api.catalogue.blueprint import blueprint
from api.catalogue.csv import catalogue_rows, refusal_rows
from api.catalogue.schemas import Import, ImportQuery, ListedImport
from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.etags import ETAG, etag
from api.http.fields import FILE
from api.http.idempotency import idempotent
from api.http.limits import limited
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.http.request_hooks import UNSTORABLE, is_storable, takes_files
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted
from durable import queries
from models import imports
from models.core.database import transaction
from models.core.errors import ShopError
from models.imports import NotACatalogue
from serving.bounds import invalid
from settings import settings

P = ParamSpec("P")
Answer = TypeVar("Answer")

MAX_FILE = 100 << 20  # bytes
CSV_TYPES = ("text/csv", "application/csv", "application/vnd.ms-excel", "text/comma-separated-values")
CSV_CONTENT_TYPE = "text/csv; charset=utf-8; header=present"


class UploadTooSlow(ShopError):
    """The file has not arrived in time."""

    status, code = 408, "upload_too_slow"


@dataclass(frozen=True)
class Upload:
    """An uploaded file, on this machine's disk."""

    file: IO[bytes]
    sha256: str
    name: str | None


def with_upload(method: Callable[P, Answer]) -> Callable[P, Answer]:
    """Sets `g.upload` to the uploaded file before a transaction is opened, because clients can be slow."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Answer:
        with tempfile.TemporaryFile() as file:
            g.upload = _receive(file)
            return method(*args, **kwargs)

    return wrapper


def _receive(file: IO[bytes]) -> Upload:
    name = None
    if request.mimetype == "multipart/form-data":
        sent = request.files.get("file")
        if sent is None or len(request.files) > 1 or request.form:
            raise NotACatalogue("Send exactly one part, named `file`.")
        source: IO[bytes] = sent.stream
        name = (sent.filename or "")[:255] or None
        if name and not is_storable(name):
            raise invalid({"file": [f"the name of the file {UNSTORABLE}"]})
    elif request.mimetype in CSV_TYPES:
        charset = request.mimetype_params.get("charset", "utf-8").lower()
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise NotACatalogue(f"The charset {charset[:40]} is not supported; send UTF-8.")
        source = request.stream
    else:
        raise UnsupportedMediaType("Send the file as the body (Content-Type: text/csv), or as multipart/form-data.")
    digest, until = hashlib.sha256(), time.monotonic() + settings.upload_seconds
    while piece := source.read(1 << 18):
        digest.update(piece)
        file.write(piece)
        if time.monotonic() > until:
            raise UploadTooSlow(f"The file has not arrived within {settings.upload_seconds:g} s.")
    file.seek(0)
    return Upload(file, digest.hexdigest(), name)


def _detail(session: Session, import_id: str) -> dict[str, Any]:
    refused = imports.list_refusals(session, import_id, 0, imports.MAX_LISTED_REFUSALS + 1)
    made = imports.get(session, import_id)
    shown = {
        "columns_not_taken": imports.list_columns_not_taken(made),
        "refusals": refused[: imports.MAX_LISTED_REFUSALS],
        "refusals_complete": len(refused) <= imports.MAX_LISTED_REFUSALS,
    }
    return {**_summary(made), **shown}


WAIT_RESULT = WaitResult(Import, "import", lambda session, run: _detail(session, run.input["import_id"]))
CANCELLED = replace(WAIT_RESULT, status=200, reports_refusal=False)


@blueprint.route("/catalogue/imports")
class ImportsView(MethodView):
    @allowed("products:write")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(ListedImport))
    def get(self, query: PageArgs) -> Page:
        """Returns catalogue imports, newest first."""
        with transaction() as session:
            found = page(session, imports.select_imports(), imports.Import.id.desc(), **query)
        found["data"] = [_summary(made) for made in found["data"]]
        return found

    @allowed("products:write")
    @error_codes("not_a_catalogue", "import_too_large", "upload_too_slow")
    @takes_files(MAX_FILE)
    @blueprint.doc(
        requestBody={
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {"type": "object", "required": ["file"], "properties": {"file": FILE}}
                },
                "text/csv": {"schema": FILE},
            },
        }
    )  # fmt: skip
    @blueprint.arguments(ImportQuery, location="query")
    @limited("imports", by="caller")
    @may_wait(WAIT_RESULT)
    @with_upload
    @idempotent(body_digest=lambda: str(g.upload.sha256))
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, query: dict[str, str]) -> TaskAnswer:
        """Imports a CSV file: either the `shopflow` format or an unmodified Shopify product export.

        Products are matched by SKU. New ones are created with their opening stock; existing ones are updated and
        keep their stock. Rows that cannot be imported are reported with line and reason; the other rows are imported.
        Importing the same file again changes nothing.

        The beginning of the file is checked at once. The task reads the rest before it imports the first row; if it
        finds that the file is no catalogue, the import is `refused`, and nothing was imported.
        """
        upload = g.upload
        made = imports.start_import(
            session, g.principal.user_id, upload.file,
            sha256=upload.sha256, file_name=upload.name, default_kind=query.get("kind"),
        )  # fmt: skip
        return accept(queries.get_run(session, made.run_id))


@blueprint.route('/catalogue/imports/<id("imp"):import_id>')
class ImportView(MethodView):
    @allowed("products:write")
    @blueprint.response(200, Import, headers=ETAG)
    def get(self, import_id: str) -> tuple[object, dict[str, str]]:
        """Returns an import: counts, and the first refused rows."""
        with transaction() as session:
            made = _detail(session, import_id)
        return made, etag(made["finished_at"] or made["created_at"], f"{made['bytes_read']}-{len(made['refusals'])}")


@blueprint.route('/catalogue/imports/<id("imp"):import_id>/cancel')
class CancelImportView(MethodView):
    @allowed("products:write")
    @error_codes("wrong_state")
    @may_wait(CANCELLED)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, import_id: str) -> TaskAnswer:
        """Cancels an import. What was imported stays; the rest is dropped. 409 if it has ended."""
        made = imports.cancel_import(session, import_id)
        run = queries.get_run(session, made.run_id)
        return accept(run, status=run.status)


@blueprint.route('/catalogue/imports/<id("imp"):import_id>/refusals.csv')
class RefusalsView(MethodView):
    @allowed("products:write")
    @blueprint.response(200, FILE, content_type="text/csv")
    def get(self, import_id: str) -> Response:
        """Returns all refused rows of an import as CSV: line, SKU and reason."""
        with transaction() as session:
            imports.get(session, import_id)
        headers = {"Content-Disposition": f'attachment; filename="refused-{import_id}.csv"'}
        return Response(refusal_rows(import_id), headers=headers, content_type=CSV_CONTENT_TYPE)


@blueprint.route("/catalogue/export")
class ExportView(MethodView):
    @allowed("products:write")
    @blueprint.response(200, FILE, content_type="text/csv")
    def get(self) -> Response:
        """Returns the catalogue as a CSV file that can be imported again.

        Cells that a spreadsheet would evaluate as formulas are prefixed with an apostrophe. An import removes it.
        """
        headers = {"Content-Disposition": 'attachment; filename="catalogue.csv"'}
        return Response(catalogue_rows(), headers=headers, content_type=CSV_CONTENT_TYPE)


def _summary(made: imports.Import) -> dict[str, object]:
    same = (
        "id", "run_id", "status", "format", "file_name", "sha256", "size", "bytes_read", "rows", "created", "updated",
        "unchanged", "refused", "skipped", "dropped", "error", "created_at", "finished_at",
    )  # fmt: skip
    found = {
        "self": url_for("catalogue.ImportView", import_id=made.id),
        "task": url_for("tasks.TaskView", run_id=made.run_id),
        "refusals": url_for("catalogue.RefusalsView", import_id=made.id),
    }
    return {**{name: getattr(made, name) for name in same}, "links": found}
