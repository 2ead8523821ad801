"""Fault injection, the same in every stand-in: `GET`, `POST` and `DELETE /sandbox/faults`."""

import json
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado.web import RequestHandler


class Fault(BaseModel):
    """What goes wrong with the next `times` requests. Each stand-in says which `kind`s it has."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    times: int = Field(1, ge=1)

    def is_meant_for(self, path: str) -> bool:
        """Whether a request of that path is one of them."""
        return True


F = TypeVar("F", bound=Fault)


@dataclass
class Faults(Generic[F]):
    """The faults that are still to be injected, in the order in which they came. They end with the process."""

    form: type[F]
    waiting: list[F] = field(default_factory=list)

    def next(self, path: str = "", kinds: tuple[str, ...] | None = None) -> F | None:
        """The fault of a request, which is counted: the first that is meant for its path, of one of these kinds."""
        for fault in self.waiting:
            if (kinds is None or fault.kind in kinds) and fault.is_meant_for(path):
                fault.times -= 1
                if not fault.times:
                    self.waiting.remove(fault)
                return fault
        return None


class FaultsHandler(RequestHandler):
    """Lists the faults, adds one, deletes all."""

    faults: Faults[Any]

    def initialize(self, faults: Faults[Any]) -> None:
        self.faults = faults

    def get(self) -> None:
        self._reply(200, [fault.model_dump() for fault in self.faults.waiting])

    def post(self) -> None:
        try:
            fault = self.faults.form.model_validate_json(self.request.body)
        except ValidationError as error:
            reasons = error.errors(include_url=False, include_context=False, include_input=False)
            param = ".".join(map(str, reasons[0]["loc"]))
            self._reply(400, {"error": {"message": reasons[0]["msg"], "param": param}})
            return
        self.faults.waiting.append(fault)
        self._reply(201, fault.model_dump())

    def delete(self) -> None:
        self.faults.waiting.clear()
        self.set_status(204)

    def _reply(self, status: int, body: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))
