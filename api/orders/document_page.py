"""An invoice or a credit note as an HTML page that can be printed, without scripts or external resources."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from design import BASE, policy_for, read_styles
from models import orders
from models.orders import facts_of, money

TEMPLATES = Path(__file__).parent / "templates"
ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
)
STYLE = read_styles(*BASE) + (TEMPLATES / "document.css").read_text()
POLICY = policy_for(STYLE)
"""The page's Content-Security-Policy: only its own inline style."""


def page_of_document(document: orders.Document) -> str:
    """Renders the page. All values are escaped."""
    facts = facts_of(document)
    return ENVIRONMENT.get_template("document.html").render(
        document=document, style=STYLE, facts=facts, money=lambda amount: money(amount, document.currency)
    )
