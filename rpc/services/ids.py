"""Ids in requests. Where an id is in the URL of the REST twin, a text that is no id is not found."""

import re

from models.core.errors import NotFound

_DIGITS = re.compile("[0-9a-f]{32}")


def known(prefix: str, text: str, thing: str) -> str:
    """The id. Raises NotFound for a text that is no id of such a thing."""
    kind, _, digits = text.partition("_")
    if kind != prefix or _DIGITS.fullmatch(digits) is None:
        raise NotFound(f"No such {thing}.")
    return text
