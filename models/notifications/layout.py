"""What every mail has: the text and HTML of its message, the layout around it, and the footer."""

import html
import re
from functools import cache, lru_cache
from string import Template as Layout
from typing import NamedTuple
from urllib.parse import quote

from markdown_it import MarkdownIt

from models.notifications.formats import Link
from models.notifications.language import TEMPLATES
from models.notifications.template_language import MARK, Marked, Template
from settings import settings

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable("image")
_MARK_IN_URL = re.compile(r"%EE%80%80(\d+)%EE%80%81")


class Mail(NamedTuple):
    """The two parts of a mail. `page` is a complete HTML document."""

    text: str
    page: str


def as_text(message: Marked) -> str:
    """A rendered message as plain text."""
    source, values = message
    return MARK.sub(lambda mark: _in_text(values[int(mark[1])]), source) + "\n"


def as_html(message: Marked) -> str:
    """A rendered message as HTML, without a layout. Values are escaped."""
    source, values = message
    made = MARK.sub(lambda mark: _in_html(values[int(mark[1])]), _to_html(source))
    return _MARK_IN_URL.sub(lambda mark: quote(_in_text(values[int(mark[1])]), safe=""), made)


@lru_cache(maxsize=256)
def _to_html(source: str) -> str:
    """Marks instead of values make the same Markdown of most messages of a kind."""
    return str(_MARKDOWN.render(source))


def dress(subject: str, text: str, body: str, language: str, unsubscribe: str = "") -> Mail:
    """Adds the seller, the footer and the layout. `body`: HTML. `unsubscribe`: the URL of a link, or empty."""
    footer_text, footer_html = _footer(language, unsubscribe)
    page = _layout().substitute(
        language=language, subject=html.escape(subject), seller=html.escape(settings.seller_name), body=body,
        footer=footer_html,
    )  # fmt: skip
    return Mail(f"{text}\n-- \n{footer_text}", page)


@cache
def layout_style() -> str:
    """The content of the style element that every mail has."""
    found = re.search("<style>(.*?)</style>", _layout().template, re.DOTALL)
    return found[1] if found else ""


def _in_text(value: str | Link) -> str:
    return f"{value.label}: {value.url}" if isinstance(value, Link) else value


def _in_html(value: str | Link) -> str:
    if isinstance(value, Link):
        return f'<a class="button" href="{html.escape(value.url)}">{html.escape(value.label)}</a>'
    return html.escape(value).replace("\n", "<br>\n")


@lru_cache(maxsize=16)
def _footer(language: str, unsubscribe: str) -> tuple[str, str]:
    made = _footer_template(language).render(
        {"seller": settings.seller_name, "address": settings.seller_address, "unsubscribe": unsubscribe}
    )
    return as_text(made), as_html(made)


@cache
def _footer_template(language: str) -> Template:
    return Template((TEMPLATES / language / "_footer.txt").read_text(), language)


@cache
def _layout() -> Layout:
    return Layout((TEMPLATES / "_layout.html").read_text())
