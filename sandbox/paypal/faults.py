"""The faults of the sandbox PayPal: late, broken or silent."""

import re
from typing import Literal

from pydantic import Field, field_validator

from sandbox import faults


class Fault(faults.Fault):
    """What goes wrong with the next `times` requests whose "METHOD /path" the regular expression `path` matches.

    `late` does the work and answers `seconds` late. `cut` does the work and closes the connection without an answer.
    `500` answers 500 and does nothing; `500_after` does the work and answers 500; `429` answers that there are too
    many requests and does nothing. PayPal does not keep a 500: the same PayPal-Request-Id may be used again.
    """

    kind: Literal["late", "cut", "500", "500_after", "429"]
    seconds: float = Field(0.0, ge=0)
    path: str = " /v2/"

    @field_validator("path")
    @classmethod
    def _is_regular(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(str(error)) from None
        return path

    def is_meant_for(self, path: str) -> bool:
        return re.search(self.path, path) is not None
