"""Fault injection for the gateway and the mailbox: `GET`, `POST` and `DELETE /sandbox/faults`."""

import json
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado.web import RequestHandler


class Fault(BaseModel):
    """A fault to inject into the next `times` requests. Subclasses define the values of `kind`."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    times: int = Field(1, ge=1)

    def matches(self, path: str) -> bool:
        """Whether the fault applies to requests of this path."""
        return True


F = TypeVar("F", bound=Fault)


@dataclass
class Faults(Generic[F]):
    """The pending faults, in the order in which they were added. They are lost when the process ends."""

    model: type[F]
    pending: list[F] = field(default_factory=list)

    def next(self, path: str = "", kinds: tuple[str, ...] | None = None) -> F | None:
        """Returns the fault to inject into a request, and counts it; None if there is none.

        It is the first pending fault that matches the path and, if `kinds` is given, has one of these kinds.
        """
        for fault in self.pending:
            if (kinds is None or fault.kind in kinds) and fault.matches(path):
                fault.times -= 1
                if not fault.times:
                    self.pending.remove(fault)
                return fault
        return None


class FaultsHandler(RequestHandler):
    """Lists the pending faults, adds one, deletes all."""

    faults: Faults[Any]

    def initialize(self, faults: Faults[Any]) -> None:
        self.faults = faults

    def get(self) -> None:
        self._reply(200, [fault.model_dump() for fault in self.faults.pending])

    def post(self) -> None:
        try:
            fault = self.faults.model.model_validate_json(self.request.body)
        except ValidationError as error:
            reasons = error.errors(include_url=False, include_context=False, include_input=False)
            param = ".".join(map(str, reasons[0]["loc"]))
            self._reply(400, {"error": {"message": reasons[0]["msg"], "param": param}})
            return
        self.faults.pending.append(fault)
        self._reply(201, fault.model_dump())

    def delete(self) -> None:
        self.faults.pending.clear()
        self.set_status(204)

    def _reply(self, status: int, body: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))
