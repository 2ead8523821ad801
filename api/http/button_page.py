"""Pages behind the links of mails: a text, and a button, because mail programs follow links on their own.

The application of `web/` shows them in the design of the shop to browsers; see `web/pages.py`.
"""

from dataclasses import dataclass
from html import escape

from flask import Response, g

POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 16px/1.6 system-ui, sans-serif; margin: 2rem auto;
max-width: 36rem; padding: 0 1rem; }} button {{ font: inherit; padding: .5rem 1rem; }}</style></head>
<body><main><h1>{title}</h1><p>{text}</p>{form}</main></body></html>
"""
FORM = '<form method="post"{action}><button{name}>{label}</button></form>'


@dataclass(frozen=True)
class ButtonPage:
    """What such a page says, in the language of the mail. Without `action`, it has no button: it is done.

    An empty `action` is the address of the page.

    `name` and `value`: what the button sends.
    """

    language: str
    title: str
    text: str
    action: str | None = None
    name: str = ""
    value: str = ""


def button_page(page: ButtonPage) -> Response:
    """The page as HTML."""
    g.button_page = page
    title, text = escape(page.title), escape(page.text)
    name = f' name="{escape(page.name)}" value="{escape(page.value)}"' if page.name else ""
    form = ""
    if page.action is not None:
        action = f' action="{escape(page.action)}"' if page.action else ""
        form = FORM.format(action=action, name=name, label=title)
    made = PAGE.format(language=page.language, title=title, text=text, form=form)
    response = Response(made, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response
