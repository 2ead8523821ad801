"""The faults of the gateway: late, broken or silent."""

from typing import Literal

from pydantic import Field

from sandbox import faults

ON_ARRIVAL = ("delay", "cut", "unavailable")
ON_EXECUTION = ("error", "error_after")


class Fault(faults.Fault):
    """What goes wrong with the next `times` requests below `path`.

    Three kinds concern any request: `delay` does the work and answers `seconds` late; `cut` does the work and closes
    the connection without an answer; `unavailable` answers 503, does nothing and stores nothing. Two kinds concern a
    POST when it is executed, so neither a GET nor the replay of a stored answer: `error` answers 500 and does
    nothing; `error_after` does the work and answers 500. Both store that 500 under the request's idempotency key.
    """

    kind: Literal["delay", "cut", "unavailable", "error", "error_after"]
    seconds: float = Field(0.0, ge=0)
    path: str = "/v1/"

    def is_meant_for(self, path: str) -> bool:
        return path.startswith(self.path)
