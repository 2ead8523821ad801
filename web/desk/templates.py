"""Templates of notifications: the list, and editing, previewing and testing one."""

import base64
import hashlib
import json
from functools import cache
from typing import Any, get_type_hints

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.notifications.schemas import TemplateEdit
from durable import Refusal
from models import notifications
from models.core.database import transaction
from models.core.errors import Invalid
from models.notifications import Template
from models.notifications.overrides import Key
from serving.limits import count
from serving.notifications import preview_template, send_test
from settings import settings
from web import access
from web.blueprint import desk, takes_form
from web.desk.pages import asked, show
from web.desk.sending import Outcome, load, read_outcome, send
from web.desk.versions import check_version, version_of
from web.desk.words import describe
from web.language import LANGUAGES, gettext
from web.pages import policy

TEMPLATE = "/templates/<kind>/<channel>/<language>"
WRITE = "notifications:write"


@desk.get("/templates")
@access.allowed("notifications:read")
def templates_page() -> Response:
    """The templates by kind, channel and language."""
    filters = asked("kind", "audience", "channel", "lang", "changed")
    with transaction() as session:
        every = notifications.list_templates(session)
    found = [template for template in every if _matches(template, filters)]
    return show(
        "templates.html", section="desk.templates_page", templates=found, filters=filters, kinds=notifications.KINDS,
        channels=notifications.CHANNELS, languages=LANGUAGES, outcome=read_outcome(),
    )  # fmt: skip


@desk.get(TEMPLATE)
@access.allowed("notifications:read")
def template_page(kind: str, channel: str, language: str) -> Response:
    """A template with its preview."""
    return _show((kind, channel, language), read_outcome())


@desk.post(TEMPLATE)
@takes_form
@access.allowed(WRITE)
def save_template(kind: str, channel: str, language: str) -> Response:
    """Changes subject and text of a template. Refuses what cannot be rendered, with the line."""
    key = kind, channel, language

    def work(session: Session) -> str:
        draft = _draft()
        _lock(session, key)
        notifications.change_template(session, key, draft)
        return _address(key, "template_saved")

    return send(work, lambda outcome, status: _show(key, outcome, status))


@desk.post(f"{TEMPLATE}/preview")
@takes_form
@access.allowed(WRITE)
def preview(kind: str, channel: str, language: str) -> Response:
    """Shows what a draft looks like. Saves nothing. For scripts, only the preview."""
    key = kind, channel, language
    if "HX-Request" in request.headers:
        return _with_policy(show("template_preview.html", **_preview(key, _values())))
    return _show(key, Outcome(values=_values()))


@desk.post(f"{TEMPLATE}/reset")
@takes_form
@access.allowed(WRITE)
def reset_template(kind: str, channel: str, language: str) -> Response:
    """Goes back to the shop's own template."""
    key = kind, channel, language

    def work(session: Session) -> str:
        _lock(session, key)
        notifications.reset_template(session, key)
        return _address(key, "template_reset")

    return send(work, lambda outcome, status: _show(key, outcome, status))


@desk.post(f"{TEMPLATE}/test")
@takes_form
@access.allowed(WRITE)
def test_template(kind: str, channel: str, language: str) -> Response:
    """Sends a notification with its example to whoever asks for it, by the template in use."""
    key = kind, channel, language

    def work(session: Session) -> str:
        count("test_messages", g.principal.user_id)
        return _address(key, "template_test", send_test(session, g.principal.user_id, *key))

    return send(work, lambda outcome, status: _show(key, outcome, status))


def _matches(template: Template, filters: dict[str, str]) -> bool:
    about = {**vars(template), "audience": notifications.KINDS[template.kind].audience}
    about["lang"] = template.language  # the choice of the page's own language is called "language"
    about["changed"] = "true" if template.updated_at else "false"
    return all(about[name] == value for name, value in filters.items())


def _values() -> dict[str, str]:
    """Subject and text as they are filled in."""
    given = {name: request.form.get(name, "") for name in ("subject", "text")}
    return {name: value.replace("\r\n", "\n") for name, value in given.items()}


def _draft() -> Any:
    """Subject and text, as the API takes them. Raises Invalid."""
    given = _values()
    if not all(value.strip() for value in given.values()):
        raise Invalid(gettext("A template needs a subject and a text."))
    return load(TemplateEdit(), **given)


def _preview(key: Key, draft: dict[str, str]) -> dict[str, Any]:
    """The preview of a draft, or why there is none."""
    try:
        with transaction() as session:
            return {"made": preview_template(session, key, draft), "fault": ""}
    except Refusal as error:
        if error.status != 422:
            raise
        return {"made": None, "fault": describe(error)}


def _lock(session: Session, key: Key) -> None:
    now = notifications.get_template(session, key, lock=True)
    check_version(now.subject, now.text, now.updated_at)


def _show(key: Key, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        template = notifications.get_template(session, key)
    kind = notifications.KINDS[template.kind]
    example = notifications.EXAMPLES[template.kind]
    names = {name: _as_text(example.get(name)) for name in sorted(get_type_hints(kind.context))}
    draft = {name: outcome.value(name, getattr(template, name)).replace("\r\n", "\n") for name in ("subject", "text")}
    return _with_policy(show(
        "template.html", status, section="desk.templates_page", now=template, kind=kind, names=names, draft=draft,
        outcome=outcome, languages=LANGUAGES, recipient=_recipient(template),
        version=version_of(template.subject, template.text, template.updated_at),
        path=_address(key), may_write=access.may(WRITE), **_preview(key, draft),
    ))  # fmt: skip


def _recipient(template: Template) -> str:
    """Who is sent this, and the setting that says so."""
    kind = notifications.KINDS[template.kind]
    if kind.audience == "customer":
        return gettext("the customer")
    if kind is notifications.KINDS["report_ready"]:
        return gettext("those who have subscribed to the report")
    name = "supplier_email" if kind.audience == "supplier" else "staff_email"
    if template.channel == "sms":
        name = "staff_phone"
    elif kind is notifications.KINDS["incident"] and settings.alert_email:
        name = "alert_email"
    return f"{getattr(settings, name) or gettext('nobody')} (SHOP_{name.upper()})"


def _as_text(value: Any) -> str:
    """An example's value, as staff can read it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _with_policy(response: Response) -> Response:
    """Lets the preview's frame have the stylesheet of mails, which inherits the policy of the page. Nothing else."""
    response.headers["Content-Security-Policy"] = policy(style_src=_style())
    return response


@cache
def _style() -> str:
    digest = hashlib.sha256(notifications.layout_style().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _address(key: Key, done: str | None = None, task: str | None = None) -> str:
    kind, channel, language = key
    return url_for("desk.template_page", kind=kind, channel=channel, language=language, done=done, task=task)
