"""The frame of the sandboxes' pages, in the design of the shop: a header that says which sandbox it is, and styles."""

from design import BASE, read_styles

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>%(title)s</title><style>%(style)s</style></head>
<body class="alone"><header class="alone-top"><span class="alone-brand">%(name)s</span> <span>Sandbox</span></header>
<main>%(body)s</main></body></html>"""


def page_frame(name: str, title: str, body: str, style: str = "") -> str:
    """A page of the sandbox `name`. `title` and `body` are HTML or parts of a Tornado template; `style`: more rules."""
    return _FRAME % {"name": name, "title": title, "body": body, "style": f"{read_styles(*BASE)}{style}"}
