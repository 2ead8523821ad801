"""Faults on demand: what makes a payment gateway late, broken or silent for the next few requests."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ON_ARRIVAL = ("delay", "cut", "unavailable")
ON_EXECUTION = ("error", "error_after")


class Fault(BaseModel):
    """What goes wrong with the next `times` requests below `path`.

    Three kinds strike any request: `delay` does the work and answers late; `cut` does the work and closes the
    connection without an answer; `unavailable` answers 503, does nothing and stores nothing. Two kinds strike a
    POST when it is executed, so neither a GET nor a repetition of a stored answer: `error` answers 500 and does
    nothing; `error_after` does the work and answers 500. Both store that 500 under the request's key.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["delay", "cut", "unavailable", "error", "error_after"]
    times: int = Field(1, ge=1)
    seconds: float = Field(0.0, ge=0)
    path: str = "/v1/"


@dataclass
class Faults:
    """The faults that are still to strike, first come first served. They end with the process."""

    waiting: list[Fault]

    def strike(self, path: str, kinds: tuple[str, ...]) -> Fault | None:
        """Takes one stroke of the first fault of these kinds that is meant for the path."""
        for fault in self.waiting:
            if fault.kind in kinds and path.startswith(fault.path):
                fault.times -= 1
                if not fault.times:
                    self.waiting.remove(fault)
                return fault
        return None
