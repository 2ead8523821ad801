"""Renders notifications from the files in `templates/`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from models.notifications.kinds import Context, Kind
from models.notifications.language import FALLBACK, TEMPLATES
from models.notifications.layout import as_html, as_text
from models.notifications.template_language import Template

PREFIX = "Subject: "


class Rendered(NamedTuple):
    """`html`: the same as the text, without a layout."""

    subject: str
    text: str
    html: str


class Source(NamedTuple):
    """A template as it is written: Liquid in the subject, Liquid and Markdown in the text."""

    subject: str
    text: str


class Compiled:
    """A compiled source. Raises TemplateError, with the line in the text."""

    def __init__(self, source: Source, language: str) -> None:
        self.subject, self.text = Template(source.subject, language), Template(source.text, language)

    def render(self, context: Mapping[str, object]) -> Rendered:
        """Renders the subject, which is one line, and the text. Raises TemplateError."""
        subject = " ".join(as_text(self.subject.render(context)).split())
        message = self.text.render(context)
        return Rendered(subject, as_text(message), as_html(message))


def read_source(kind: str, channel: str, language: str) -> Source:
    """The template in the file of this kind, channel and language."""
    heading, _, text = _file(kind, channel, language).read_text().partition("\n\n")
    return Source(heading.removeprefix(PREFIX), text)


def _file(kind: str, channel: str, language: str) -> Path:
    """`<kind>.<channel>.txt`; for a channel other than mail that has none, `<kind>.short.txt`."""
    own = TEMPLATES / language / f"{kind}.{channel}.txt"
    return own if channel == "email" or own.exists() else own.with_name(f"{kind}.short.txt")


@cache
def compiled_file(kind: str, channel: str, language: str) -> Compiled:
    """The compiled file in this language, or in English."""
    chosen = language if _file(kind, channel, language).exists() else FALLBACK
    return Compiled(read_source(kind, channel, chosen), chosen)


def render(kind: Kind[Context], channel: str, context: Context, language: str = FALLBACK) -> Rendered:
    """Renders a notification in a language."""
    return compiled_file(kind.name, channel, language).render(context)
