"""Faults on demand: what makes a payment gateway late, broken or silent for the next few requests."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """`delay`: does the work and answers late; `error`: answers 500 and does nothing; `cut`: does the work
    and closes the connection without an answer. Strikes the next `times` requests below `path`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["delay", "error", "cut"]
    times: int = Field(1, ge=1)
    seconds: float = Field(0.0, ge=0)
    path: str = "/v1/"


@dataclass
class Faults:
    """The faults that are still to strike, first come first served. They end with the process."""

    waiting: list[Fault]

    def strike(self, path: str) -> Fault | None:
        """Takes one stroke of the first fault that is meant for the path."""
        for fault in self.waiting:
            if path.startswith(fault.path):
                fault.times -= 1
                if not fault.times:
                    self.waiting.remove(fault)
                return fault
        return None
