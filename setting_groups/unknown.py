"""Environment variables that look like settings and are none: a misspelt setting has no effect."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches

PREFIX = "SHOP_"
OTHERS = ("SHOP_VAR", "SHOP_WORKER", "SHOP_TEST_RETAIL")
"""What is read without the settings: the data folder, a health check in docker-compose.yml, a test's data."""


def list_unknown(environment: Mapping[str, str], fields: Collection[str]) -> list[str]:
    """One sentence for each SHOP_ variable that is not one of the settings `fields`, with the nearest one's name."""
    known = {PREFIX + field.upper() for field in fields} | set(OTHERS)
    found = sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)
    return [f"{name} is not a setting and has no effect.{_suggest(name.upper(), known)}" for name in found]


def _suggest(name: str, known: Collection[str]) -> str:
    nearest = get_close_matches(name, known, n=1, cutoff=0.75)
    return f" Do you mean {nearest[0]}?" if nearest else " `shop config` lists all settings."
