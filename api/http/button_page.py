"""Pages behind the links of mails: a text, and a button, because mail programs follow links on their own."""

from flask import Response

POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 16px/1.6 system-ui, sans-serif; margin: 2rem auto;
max-width: 36rem; padding: 0 1rem; }} button {{ font: inherit; padding: .5rem 1rem; }}</style></head>
<body><main><h1>{title}</h1><p>{text}</p>{form}</main></body></html>
"""


def button_page(language: str, title: str, text: str, form: str = "") -> Response:
    """A page. `text` and `form` are HTML."""
    response = Response(PAGE.format(language=language, title=title, text=text, form=form), mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response
