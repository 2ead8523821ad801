"""API keys of machines: the list, and creating and revoking one."""

from datetime import timedelta
from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.access.schemas import NewKey
from models import access as roles
from models.core.database import transaction
from serving.pages import PageQuery
from serving.staff_actions import name_subject
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.names import usernames_of
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, send_and_show, text, whole

KEY = '/api-keys/<id("key"):key_id>'


@desk.get("/api-keys")
@access.allowed("keys:write")
def keys_page() -> Response:
    """All keys, newest first, including expired and revoked ones."""
    filters = read_filters(PageQuery())
    with transaction() as session:
        found = read_rows(session, filters, roles.list_keys, roles.ApiKey.id.desc())
        owners = usernames_of(session, [key.user_id for key in found["data"]])
    return show("keys.html", section="desk.keys_page", keys=found["data"], cursor=found["next_cursor"],
                filters=filters, owners=owners, outcome=read_outcome())  # fmt: skip


@desk.get("/api-keys/new")
@access.allowed("keys:write")
def new_key() -> Response:
    """The form for a new key."""
    return _show_new(Outcome())


@desk.post("/api-keys/new")
@takes_form
@access.allowed("keys:write")
def create_key() -> Response:
    """Creates a key that acts on behalf of its creator. The answer is the only page that has it."""

    def work(session: Session) -> tuple[str, tuple[str, str]]:
        days = text("expires_in_days")
        body: Any = load(NewKey(partial=("permissions",)), name=text("name"), permissions=_chosen(),
                         expires_in_days=whole(days) if days else None)  # fmt: skip
        made, clear = roles.create_key(
            session, g.principal.user_id, g.principal.permissions, body["name"], body.get("permissions", []),
            timedelta(days=body["expires_in_days"]),
        )  # fmt: skip
        name_subject(made.id)
        return url_for("desk.key_page", key_id=made.id, done="key_created"), (made.id, clear)

    return send_and_show(work, lambda made: _show(made[0], Outcome(), secret=made[1]), _show_new)


@desk.get(KEY)
@access.allowed("keys:write")
def key_page(key_id: str) -> Response:
    """A key: its permissions, and when it was last used."""
    return _show(key_id, read_outcome())


@desk.post(f"{KEY}/revoke")
@takes_form
@access.allowed("keys:write")
def revoke_key(key_id: str) -> Response:
    """Revokes a key, effective immediately."""

    def work(session: Session) -> str:
        roles.revoke_key(session, key_id)
        return url_for("desk.key_page", key_id=key_id, done="key_revoked")

    return send(work, lambda outcome, status: _show(key_id, outcome, status))


def _chosen() -> list[str]:
    return sorted(set(request.form.getlist("permissions")))


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    held = [one for one in roles.GRANTABLE if one in g.principal.permissions]
    return show("key_new.html", status, section="desk.keys_page", outcome=outcome, chosen=_chosen(), permissions=held)


def _show(key_id: str, outcome: Outcome, status: int = 200, secret: str = "") -> Response:
    with transaction() as session:
        key = roles.get_key(session, key_id)
        owners = usernames_of(session, [key.user_id])
    return show("key.html", status, section="desk.keys_page", key=key, owners=owners, outcome=outcome, secret=secret)
