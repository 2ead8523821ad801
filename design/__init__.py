"""The design of every page: colours and distances, base rules, and charts.

`web/` serves these stylesheets as files. Pages that load nothing, because they are mailed, saved or printed, and those
of the sandboxes contain them. The package imports nothing of the shop.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

BASE = ("tokens.css", "base.css", "alone.css")
"""The stylesheets of a page that stands alone."""


@cache
def read_styles(*names: str) -> str:
    """The stylesheets with these names, in this order, as one text."""
    return "\n".join(files("design").joinpath(name).read_text() for name in names)


@cache
def policy_for(style: str, form_action: str = "'none'") -> str:
    """The Content-Security-Policy of a page that loads nothing and has this inline style."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; "
        f"form-action {form_action}"
    )
