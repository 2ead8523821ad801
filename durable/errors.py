"""Expected errors: refusals, which are final, and unavailable services."""

from typing import Any, ClassVar


class Refusal(Exception):
    """A business rule refuses. A run before its pivot is compensated; nothing is retried.

    `code` is for programs, `detail` is a sentence for people, `status` is the HTTP status (RFC 9110) for a web API, and
    `extra` contains additional members of its error response (RFC 9457, section 3.2).
    """

    status: ClassVar[int] = 409
    code: str = "conflict"

    def __init__(self, detail: str, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.extra = extra


class RunNotFound(Refusal):
    """No such run, or it has ended."""

    status, code = 404, "not_found"


class RunConflict(Refusal):
    """The status of the run does not allow this."""


class Unavailable(Exception):
    """An external service did not respond or is temporarily unavailable. The call is retried with the same key."""


class UnknownWorkflow(LookupError):
    """No workflow with this name, or not in this version or newer, is declared in this process."""

    def __init__(self, name: str, version: int | None = None) -> None:
        of = f" with version {version} or newer" if version else ""
        super().__init__(f"no workflow named {name!r}{of} is registered; is the module that declares it imported?")
        self.name = name


class StepTimeout(Exception):
    """A step has exceeded its `timeout`."""


class Superseded(Exception):
    """Another worker has taken over the step, or the run is being compensated: the work must be discarded."""
