"""Descriptions in HTML become plain text, in linear time."""

import pytest

from models.imports.csv_rows import MAX_CELL
from models.imports.html_text import html_to_text

TEXTS = {
    "<p>Cool &amp; light.</p><p>Made in <b>Porto</b>.</p>": "Cool & light.\nMade in Porto.",
    "one<br/>two<BR>three": "one\ntwo\nthree",
    "<ul>\n<li>A</li>\n <li>B  and\tC</li></ul>": "A\nB and C",
    "a<script>if (1 < 2) { }</script><style>p > a { }</style>b": "ab",
    "<a title=\"more > less\" href='x'>link</a>": "link",
    "<!-- <p>not --> this<!DOCTYPE html>": "this",
    "3 < 4, 5 > 4 &lt;b&gt; &#233; &#x1F600;": "3 < 4, 5 > 4 <b> é 😀",
    '<p class="open>A</p><p>B</p>': "A\nB",
    "an <unfinished": "an <unfinished",
    "no tags\r\nbut lines": "no tags\nbut lines",
    "&#" + "9" * 10_000 + ";&": "\N{REPLACEMENT CHARACTER}&",
    "</p></script>x": "x",
}


@pytest.mark.parametrize("html", TEXTS, ids=lambda html: html[:30])
def test_html_becomes_text(html: str) -> None:
    assert html_to_text(html) == TEXTS[html]


HOSTILE = (
    "<", "<!", "<!--", "<![CDATA[", "</", "<a ", "<a b='", '<a b="', "&", "&#", "&#9", "<?", "<script>", "<p>", "<p ",
    "<!d [", "<!-- >", "<? >",
    "<a<", "&amp", "a='", "<a b=''", "'<a \"", "<a/", "<a\n", "-->", "<!-- -->", " \n",
)  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_cell_of_unfinished_markup_takes_no_longer_than_another(piece: str) -> None:
    """It took minutes."""
    cell = (piece * MAX_CELL)[:MAX_CELL]
    for html in (cell, f"<p>{cell}", f"<a b='{cell}", f"<!--{cell}"):
        assert len(html_to_text(html)) <= len(html)
