"""Renders notifications from the files in `templates/`."""

from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.notifications.kinds import Context, Kind

TEMPLATES = Path(__file__).parent / "templates"

ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,  # a name that the context lacks is a bug, not an empty string
    autoescape=False,  # noqa: S701, the templates are plain text
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters["money"] = lambda amount, currency: f"{amount / 100:.2f} {currency}"


class Rendered(NamedTuple):
    subject: str
    text: str


def render(kind: Kind[Context], channel: str, context: Context) -> Rendered:
    """The subject, which is the template's first line, and the text after it."""
    text = ENVIRONMENT.get_template(f"{kind.name}.{channel}.txt").render(context)
    heading, _, body = text.partition("\n\n")
    return Rendered(heading.removeprefix("Subject: "), body)
