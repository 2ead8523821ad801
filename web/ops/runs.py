"""The list of runs. Its filters and its place are in the address."""

from typing import Any

from flask import Response, request
from marshmallow import fields, validate
from sqlalchemy import Select
from sqlalchemy.orm import Session

from durable.queries import database_now
from durable.tables import RunRecord
from durable.transitions import LIVE
from durable.workflow import all_workflows
from models.core.database import transaction
from models.operations import finding, run_search
from serving.fields import Pattern
from serving.pages import Page, PageQuery, page
from web import access
from web.blueprint import ops
from web.forms import is_id
from web.language import gettext
from web.language import translatable as _
from web.ops.pages import show

PAGE = 50  # runs
ENDED = ("succeeded", "cancelled", "failed")
AGES = {"60": _("1 minute"), "900": _("15 minutes"), "3600": _("1 hour"), "86400": _("1 day"), "604800": _("1 week")}
MAX_AGE = 10 * 366 * 24 * 3600  # seconds
FILTERS = ("workflow", "status", "older_than", "step", "error", "order", "user", "request_id", "stuck")


class Filters(PageQuery):
    """The filters of the list, as the address has them."""

    workflow = fields.String(validate=validate.Length(1, 64))
    status = fields.String(validate=validate.OneOf((*LIVE, *ENDED)))
    older_than = fields.Integer(validate=validate.Range(0, MAX_AGE))
    step = fields.String(validate=validate.Length(1, 200))
    error = fields.String(validate=validate.Length(1, 64))
    order = fields.String(validate=validate.Length(1, 64))
    user = fields.String(validate=validate.Length(1, 254))
    request_id = fields.String(validate=Pattern(r"^[A-Za-z0-9._-]{1,128}$", error="is not the id of a request"))
    stuck = fields.Boolean()


@ops.get("/runs")
@access.allowed("runs:read")
def runs() -> Response:
    """The runs that match all filters, newest first."""
    asked = given()
    wrong = problems(asked)
    listed: Page = {"data": [], "has_more": False, "next_cursor": None}
    with transaction() as session:
        query, unknown = (None, None) if wrong else chosen(session, asked)
        if query is not None:
            cursor = request.args.get("cursor") or None
            listed = page(session, query, RunRecord.id.desc(), limit=PAGE, cursor=cursor)
        now = database_now(session)
    following = {**asked, "cursor": listed["next_cursor"]} if listed["next_cursor"] else None
    return show(
        "runs.html", runs=listed["data"], following=following, asked=asked, now=now, wrong=wrong or unknown,
        is_first=not request.args.get("cursor"), workflows=names(), statuses=(*LIVE, *ENDED), ages=AGES,
    )  # fmt: skip


def names() -> list[str]:
    """The names of the declared workflows."""
    return sorted({workflow.name for workflow in all_workflows()})


def given() -> dict[str, str]:
    """The filters of this request's address or form that are filled in."""
    return {name: value for name in FILTERS if (value := request.values.get(name, "").strip())}


def problems(asked: dict[str, str]) -> str | None:
    """Which filter cannot be read."""
    wrong = Filters().validate(asked)
    return gettext("A filter cannot be read: %(name)s.") % {"name": ", ".join(sorted(wrong))} if wrong else None


def chosen(session: Session, asked: dict[str, str]) -> tuple[Select[RunRecord] | None, str | None]:
    """The query for the runs that match, to be ordered by the caller; or None, and which filter names nothing."""
    wanted: dict[str, Any] = dict(Filters().load(asked))
    for name in ("limit", "cursor"):
        wanted.pop(name)
    if "order" in wanted:
        named = wanted.pop("order")
        wanted["order_id"] = named if is_id("ord", named) else finding.find_order_id(session, named)
        if wanted["order_id"] is None:
            return None, gettext("There is no order %(name)s.") % {"name": named}
    if "user" in wanted:
        named = wanted.pop("user")
        wanted["owner"] = named if is_id("usr", named) else finding.find_user_id(session, named)
        if wanted["owner"] is None:
            return None, gettext("There is no user %(name)s.") % {"name": named}
    return run_search.find_runs(session, **wanted), None
