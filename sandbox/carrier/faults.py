"""The faults of the carrier: late, broken, silent or too busy."""

from typing import Literal

from pydantic import Field

from sandbox import faults

REFUSED = {"429": 429, "500": 500}
"""The kinds with which nothing is done, and their statuses."""


class Fault(faults.Fault):
    """What goes wrong with the next `times` requests below `path`, of any method by default.

    `late` does the work and answers `seconds` late; `cut` does the work and closes the connection without an answer;
    `500_after` does the work and answers 500; `500` and `429` answer so and do nothing. Nothing is stored: the same
    request is done again when it is repeated.
    """

    kind: Literal["late", "cut", "500", "500_after", "429"]
    seconds: float = Field(0.0, ge=0)
    path: str = "/v2/"
    method: Literal["GET", "POST"] | None = None

    def matches(self, path: str) -> bool:
        """Whether it is meant for this request: its method and its path."""
        method, _, asked = path.partition(" ")
        return self.method in (None, method) and asked.startswith(self.path)
