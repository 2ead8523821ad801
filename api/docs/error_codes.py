"""The error codes, parsed from docs/errors.md, which is the only list of them."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "docs" / "errors.md"


@dataclass(frozen=True)
class Code:
    """An error code, its HTTP status, and its explanation."""

    name: str
    status: int
    text: str

    @property
    def summary(self) -> str:
        """The first sentence, as plain text."""
        return re.split(r"(?<=[.:;])\s", self.text, maxsplit=1)[0].replace("`", "").rstrip(":;")


@cache
def codes() -> dict[str, Code]:
    """All error codes by name, in the order of docs/errors.md."""
    found = {}
    for section in re.split(r"^## (?=\d{3} )", SOURCE.read_text(), flags=re.MULTILINE)[1:]:
        for name, text in re.findall(r"^### `(\w+)`\n\n(.*?)(?=\n\n###|\n*\Z)", section, re.MULTILINE | re.DOTALL):
            found[name] = Code(name, int(section[:3]), " ".join(text.split()))
    return found
