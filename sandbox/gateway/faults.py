"""The faults that can be injected into the gateway."""

from typing import Literal

from pydantic import Field

from sandbox import faults

ON_ARRIVAL = ("delay", "cut", "unavailable")
ON_EXECUTION = ("error", "error_after")


class Fault(faults.Fault):
    """A fault to inject into the next `times` requests whose path begins with `path`.

    Three kinds apply to all requests: `delay` processes the request and responds after `seconds`; `cut` processes it
    and closes the connection without a response; `unavailable` responds 503, does nothing and stores nothing. Two kinds
    apply to POST requests when they are executed, and not to GET requests or replayed responses: `error` responds 500
    and does nothing; `error_after` processes the request and responds 500. Both store the 500 under the request's
    idempotency key.
    """

    kind: Literal["delay", "cut", "unavailable", "error", "error_after"]
    seconds: float = Field(0.0, ge=0)
    path: str = "/v1/"

    def matches(self, path: str) -> bool:
        return path.startswith(self.path)
