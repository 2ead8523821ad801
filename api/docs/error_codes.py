"""The codes of refusals, as docs/errors.md explains them: it is the one list that people and programs read."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "docs" / "errors.md"


@dataclass(frozen=True)
class Code:
    """A code, the HTTP status that goes with it, and in a few sentences what it means and what to do."""

    name: str
    status: int
    text: str

    @property
    def summary(self) -> str:
        """The first sentence, as plain text."""
        return re.split(r"(?<=[.:;])\s", self.text, maxsplit=1)[0].replace("`", "").rstrip(":;")


@cache
def codes() -> dict[str, Code]:
    """All codes by name, in the order in which they are explained."""
    found = {}
    for section in re.split(r"^## (?=\d{3} )", SOURCE.read_text(), flags=re.MULTILINE)[1:]:
        for name, text in re.findall(r"^### `(\w+)`\n\n(.*?)(?=\n\n###|\n*\Z)", section, re.MULTILINE | re.DOTALL):
            found[name] = Code(name, int(section[:3]), " ".join(text.split()))
    return found
