"""Webhook endpoints: the list, and creating, editing, disabling and deleting one, and rotating its secret."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from api.webhooks.schemas import TYPES, DeliveryQuery, NewEndpoint
from models import webhooks
from models.core import event_feed
from models.core.database import transaction
from serving.pages import PageQuery
from serving.staff_actions import name_subject
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, send_and_show, text
from web.desk.versions import check_version, version_of

ENDPOINT = '/webhooks/<id("whe"):endpoint_id>'
STATUSES = ("pending", "succeeded", "failed")


@desk.get("/webhooks")
@access.allowed("webhooks:read")
def webhooks_page() -> Response:
    """The list of endpoints, newest first."""
    filters = read_filters(PageQuery())
    with transaction() as session:
        found = read_rows(session, filters, webhooks.list_endpoints, webhooks.Endpoint.id.desc())
    return show("webhooks.html", section="desk.webhooks_page", endpoints=found["data"], cursor=found["next_cursor"],
                filters=filters, outcome=read_outcome())  # fmt: skip


@desk.get("/webhooks/new")
@access.allowed("webhooks:write")
def new_endpoint() -> Response:
    """The form for a new endpoint."""
    return _show_new(Outcome())


@desk.post("/webhooks/new")
@takes_form
@access.allowed("webhooks:write")
def create_endpoint() -> Response:
    """Creates an endpoint. The answer is the only page that has its secret."""

    def work(session: Session) -> tuple[str, tuple[str, str]]:
        made = webhooks.create_endpoint(session, **_fields())
        name_subject(made.id)
        return _address(made.id, "endpoint_created"), (made.id, made.secret)

    return send_and_show(work, lambda made: show_endpoint(made[0], Outcome(), secret=made[1]), _show_new)


@desk.get(ENDPOINT)
@access.allowed("webhooks:read")
def endpoint_page(endpoint_id: str) -> Response:
    """An endpoint with its deliveries, newest event first."""
    return show_endpoint(endpoint_id, read_outcome())


@desk.post(f"{ENDPOINT}/edit")
@takes_form
@access.allowed("webhooks:write")
def save_endpoint(endpoint_id: str) -> Response:
    """Changes the address, the types of events and the description of an endpoint."""

    def work(session: Session) -> str:
        body = _fields()
        _lock(session, endpoint_id)
        webhooks.update_endpoint(session, endpoint_id, body)
        return "endpoint_saved"

    return act_on_endpoint(endpoint_id, work)


@desk.post(f"{ENDPOINT}/status")
@takes_form
@access.allowed("webhooks:write")
def switch_endpoint(endpoint_id: str) -> Response:
    """Disables an endpoint, or enables it again."""
    status = "disabled" if text("status") == "disabled" else "enabled"

    def work(session: Session) -> str:
        _lock(session, endpoint_id)
        webhooks.update_endpoint(session, endpoint_id, {"status": status})
        return f"endpoint_{status}"

    return act_on_endpoint(endpoint_id, work)


@desk.post(f"{ENDPOINT}/rotate")
@takes_form
@access.allowed("webhooks:write")
def rotate_secret(endpoint_id: str) -> Response:
    """Gives an endpoint a new secret. The answer is the only page that has it."""

    def work(session: Session) -> tuple[str, str]:
        _lock(session, endpoint_id)
        return _address(endpoint_id, "secret_rotated"), webhooks.rotate_secret(session, endpoint_id).secret

    return send_and_show(
        work, lambda secret: show_endpoint(endpoint_id, Outcome(), secret=secret),
        lambda outcome, status: show_endpoint(endpoint_id, outcome, status),
    )  # fmt: skip


@desk.post(f"{ENDPOINT}/delete")
@takes_form
@access.allowed("webhooks:write")
def delete_endpoint(endpoint_id: str) -> Response:
    """Deletes an endpoint and its secret."""

    def work(session: Session) -> str:
        _lock(session, endpoint_id)
        webhooks.delete_endpoint(session, endpoint_id)
        return url_for("desk.webhooks_page", done="endpoint_deleted")

    return send(work, lambda outcome, status: show_endpoint(endpoint_id, outcome, status))


def act_on_endpoint(endpoint_id: str, work: Callable[[Session], str]) -> Response:
    """Does something to an endpoint and leads to its page, which says what `work` returns."""
    return send(
        lambda session: _address(endpoint_id, work(session)),
        lambda outcome, status: show_endpoint(endpoint_id, outcome, status),
    )


def show_endpoint(endpoint_id: str, outcome: Outcome, status: int = 200, secret: str = "") -> Response:
    """The page of an endpoint. `secret`: it was just made, and is shown this once."""
    filters = read_filters(DeliveryQuery(), "status", "type")
    chosen = partial(webhooks.list_deliveries, endpoint_id)
    with transaction() as session:
        endpoint = webhooks.get_endpoint(session, endpoint_id)
        last = event_feed.last_position(session.connection())
        found = read_rows(session, filters, chosen, webhooks.Delivery.event_id.desc())
    return show(
        "webhook.html", status, section="desk.webhooks_page", endpoint=endpoint, outcome=outcome, secret=secret,
        deliveries=found["data"], cursor=found["next_cursor"], filters=filters, statuses=STATUSES, types=TYPES,
        chosen=_chosen() if outcome.values else endpoint.types, version=version_of(endpoint.updated_at), last=last,
    )  # fmt: skip


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    return show("webhook_new.html", status, section="desk.webhooks_page", outcome=outcome, types=TYPES,
                chosen=_chosen() if outcome.values else [])  # fmt: skip


def _fields() -> Any:
    """What the forms fill in, as the API takes it. Raises Invalid."""
    return load(NewEndpoint(), url=text("url"), types=_chosen(), description=text("description"))


def _chosen() -> list[str]:
    return request.form.getlist("types")


def _lock(session: Session, endpoint_id: str) -> None:
    check_version(webhooks.get_endpoint(session, endpoint_id, lock=True).updated_at)


def _address(endpoint_id: str, done: str) -> str:
    return url_for("desk.endpoint_page", endpoint_id=endpoint_id, done=done)
