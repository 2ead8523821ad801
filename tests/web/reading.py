"""What pages show."""

import re
from typing import Any


def titles(page: Any) -> list[str]:
    """The titles of the products of a list, in its order."""
    return re.findall(r'class="tile-title">([^<]*)<', page.text)
