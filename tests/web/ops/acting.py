"""What an operator sends, and what the audit log says of it."""

import re
from typing import Any

from sqlalchemy import select

from models.core.database import transaction
from models.core.event_log import Event


def form_of(page: Any) -> dict[str, str]:
    """The hidden fields of the page's main form."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    return dict(re.findall(r'<input type="hidden" name="(csrf_token|once|replays)" value="([^"]+)"', main))


def acted() -> list[tuple[str | None, str]]:
    """Subject and permission of what staff have done, in its order."""
    with transaction() as session:
        rows = session.scalars(select(Event).where(Event.name == "staff.acted").order_by(Event.id))
        return [(row.subject, row.payload["permission"]) for row in rows]
