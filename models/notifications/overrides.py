"""Templates that staff have changed. They are used in place of the files, within REFRESH seconds."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.core import event_log
from models.core.errors import NotFound, TemplateRefused
from models.core.events import TemplateFailed
from models.core.quotas import lock_name
from models.notifications.examples import EXAMPLES
from models.notifications.kinds import KINDS, Context, Kind
from models.notifications.language import LANGUAGES
from models.notifications.rendering import Compiled, Rendered, Source, read_source, render
from models.notifications.tables import Override
from models.notifications.template_language import TemplateError

REFRESH = 5.0  # seconds for which a process uses the overrides that it has read
log = logging.getLogger(__name__)

Key = tuple[str, str, str]
"""Kind, channel, language."""


@dataclass(frozen=True)
class Template:
    """The template in use. `updated_at`: when staff changed it; None if it is the file."""

    kind: str
    channel: str
    language: str
    subject: str
    text: str
    updated_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None


@dataclass
class _Cache:
    """The overrides as this process has read them."""

    read_at: float | None = None
    sources: dict[Key, Source] = field(default_factory=dict)


_cache = _Cache()


def keys() -> list[Key]:
    """Every template that there is, sorted."""
    return sorted((kind.name, channel, language) for kind in KINDS.values() for channel in kind.all_channels
                  for language in LANGUAGES)  # fmt: skip


def list_templates(session: Session) -> list[Template]:
    """All templates in use, sorted by kind, channel and language."""
    changed = {(row.kind, row.channel, row.language): row for row in session.scalars(select(Override))}
    return [_view(key, changed.get(key)) for key in keys()]


def get_template(session: Session, key: Key, *, lock: bool = False) -> Template:
    """The template in use, with `lock` locked against other changes. Raises NotFound."""
    if lock:
        _lock(session, key)
    return _view(_known(key), session.get(Override, key))


def change_template(session: Session, key: Key, changes: Mapping[str, str]) -> Template:
    """Changes the subject, the text or both. Raises NotFound and TemplateRefused."""
    kind, channel, language = _known(key)
    _lock(session, key)
    original = read_source(*key)
    about = {"kind": kind, "channel": channel, "language": language}
    session.execute(insert(Override).values(**about, **original._asdict()).on_conflict_do_nothing())
    row = session.get_one(Override, key, with_for_update=True)
    row.subject, row.text = changes.get("subject", row.subject), changes.get("text", row.text)
    row.updated_at, row.failed_at, row.error = func.now(), None, None
    preview(key, Source(row.subject, row.text))
    session.flush()
    session.refresh(row)
    _cache.read_at = None
    return _view(key, row)


def reset_template(session: Session, key: Key) -> None:
    """Uses the file again. Raises NotFound for a template that does not exist."""
    kind, channel, language = _known(key)
    _lock(session, key)
    same = Override.kind == kind, Override.channel == channel, Override.language == language
    session.execute(delete(Override).where(*same))
    _cache.read_at = None


def preview(key: Key, source: Source) -> Rendered:
    """Renders a source with the example of its kind. Raises NotFound and TemplateRefused."""
    kind, _, language = _known(key)
    for name in ("subject", "text"):
        try:
            Compiled(source._replace(**{"text" if name == "subject" else "subject": ""}), language).render(
                EXAMPLES[kind]
            )
        except TemplateError as error:
            raise TemplateRefused(name, error.line, error.reason) from error
    return _compiled(source, language).render(EXAMPLES[kind])


def render_current(session: Session, kind: Kind[Context], channel: str, context: Context, language: str) -> Rendered:
    """Renders a notification by the template in use. If that is an override which fails, by the file.

    The first failure of an override is reported to staff.
    """
    key = kind.name, channel, language
    source = _read(session).get(key)
    if source is not None:
        try:
            return _compiled(source, language).render(context)
        except Exception as error:
            log.exception("the template %s failed; its file is used", "/".join(key))
            _report(session, key, str(error))
    return render(kind, channel, context, language)


def _report(session: Session, key: Key, error: str) -> None:
    kind, channel, language = key
    same = Override.kind == kind, Override.channel == channel, Override.language == language
    first = update(Override).where(*same, Override.failed_at.is_(None)).values(failed_at=func.now(), error=error[:500])
    if cast(CursorResult[Any], session.execute(first)).rowcount:
        event_log.emit(session, TemplateFailed(template="/".join(key), error=error[:500]))


def _read(session: Session) -> dict[Key, Source]:
    now = time.monotonic()
    if _cache.read_at is None or now - _cache.read_at > REFRESH:
        rows = session.connection().execute(_SOURCES)
        _cache.sources = {(row.kind, row.channel, row.language): Source(row.subject, row.text) for row in rows}
        _cache.read_at = now
    return _cache.sources


_SOURCES = select(Override.kind, Override.channel, Override.language, Override.subject, Override.text)


@lru_cache(maxsize=256)
def _compiled(source: Source, language: str) -> Compiled:
    return Compiled(source, language)


def _lock(session: Session, key: Key) -> None:
    """Locks a template until the end of the transaction. One that nobody has changed has no row."""
    lock_name(session, "/".join(("template", *key)))


def _known(key: Key) -> Key:
    if key not in keys():
        raise NotFound("No such template.")
    return key


def _view(key: Key, row: Override | None) -> Template:
    if row is None:
        return Template(*key, *read_source(*key))
    return Template(*key, row.subject, row.text, row.updated_at, row.failed_at, row.error)
