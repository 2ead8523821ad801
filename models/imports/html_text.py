"""The text of HTML, in linear time, whatever it contains.

The standard library's parser takes minutes for a cell of unfinished tags.
"""

import re
from collections.abc import Iterator
from html import unescape

BLOCKS = ("p", "div", "br", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "table")
IGNORED = ("script", "style")

# Possessive: a tag is matched at once or not at all. `>` may stand in the quotes of an attribute.
_TAG = re.compile(
    r"""<(?:!--(?s:.*?)--> | (?!!--)[!?][^>]*+> | (/?)([a-zA-Z][^\s/>"']*+)(?:[^"'>]|"[^"]*+"|'[^']*+')*+>)""",
    re.VERBOSE,
)
_BARE_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*+)[^<>]*+>")
_BEGIN = re.compile(r"<(?=[a-zA-Z/!?])")
_HUGE = re.compile("&#[0-9]{8,}+;?")


def html_to_text(html: str) -> str:
    """Converts HTML to plain text, one line per paragraph."""
    if "<" not in html and "&" not in html:
        return html.replace("\r\n", "\n").replace("\r", "\n")
    parts, ignored = [], 0
    for text, tag, is_end in _split(html):
        if not ignored:
            parts.append(re.sub(r"\s+", " ", unescape(_HUGE.sub("\N{REPLACEMENT CHARACTER}", text))))
        if tag in IGNORED:
            ignored = max(ignored + (-1 if is_end else 1), 0)
        if tag in BLOCKS:
            parts.append("\n")
    lines = (line.strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _split(html: str) -> Iterator[tuple[str, str, bool]]:
    """Yields each text with the tag after it, and whether that is an end tag. The last text has no tag."""
    at = since = 0
    while found := _BEGIN.search(html, at):
        tag = _TAG.match(html, found.start())
        if tag is None:
            break  # a tag, a comment or a quotation that does not end
        yield html[since : tag.start()], (tag[2] or "").lower(), bool(tag[1])
        at = since = tag.end()
    for tag in _BARE_TAG.finditer(html, at):
        yield html[since : tag.start()], tag[2].lower(), bool(tag[1])
        since = tag.end()
    yield html[since:], "", False
