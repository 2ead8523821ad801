"""What can go wrong on purpose: refusals, which are outcomes, and the absence of what a step calls."""

from typing import Any, ClassVar


class Refusal(Exception):
    """What was asked for is refused. A run that may still turn back is compensated; nothing is retried.

    `code` is for programs, `detail` a sentence for people, `status` the HTTP status (RFC 9110) that a web API would
    answer with, and `extra` goes into the answer beside them (RFC 9457, section 3.2).
    """

    status: ClassVar[int] = 409
    code: str = "conflict"

    def __init__(self, detail: str, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.extra = extra


class RunNotFound(Refusal):
    """There is no such run, or none that is live."""

    status, code = 404, "not_found"


class RunConflict(Refusal):
    """The run is in a state in which this is not possible."""


class Unavailable(Exception):
    """Something outside did not answer, or answered that it can't now. The call is retried with the same key."""


class UnknownWorkflow(LookupError):
    """No workflow of this name is registered in this process, or none of so new a version."""

    def __init__(self, name: str, version: int | None = None) -> None:
        of = f" with version {version} or newer" if version else ""
        super().__init__(f"no workflow named {name!r}{of} is registered; is the module that declares it imported?")
        self.name = name


class StepTimeout(Exception):
    """A step has taken longer than its declared `timeout`."""


class Superseded(Exception):
    """Another worker has taken this over, or the run has turned back: nothing of ours may be written."""
