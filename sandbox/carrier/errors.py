"""The sandbox carrier's answers and refusals, in the words and with the statuses of EasyPost's API."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError


@dataclass(frozen=True)
class Answer:
    """An HTTP status and its JSON body."""

    status: int
    body: dict[str, Any]


class Refused(Exception):
    """A request that was refused before it had any effect."""

    def __init__(self, status: int, code: str, message: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.answer = error(status, code, message, errors)


def error(status: int, code: str, message: str, errors: list[dict[str, str]] | None = None) -> Answer:
    """EasyPost's error body. `errors` names the fields that are wrong."""
    return Answer(status, {"error": {"code": code, "message": message, "errors": errors or []}})


def told_to_fail(status: int) -> Answer:
    """The answer of an injected fault."""
    code = "RATE_LIMITED" if status == 429 else "INTERNAL_SERVER_ERROR"
    return error(status, code, "The sandbox was told to fail (/sandbox/faults).")


def missing(kind: str, identifier: str) -> Refused:
    return Refused(404, "NOT_FOUND", f"The requested resource could not be found: {kind} {identifier}.")


def unauthorised() -> Refused:
    return Refused(401, "APIKEY.INACTIVE", "This sandbox takes test API keys, which begin with EZTK.")


def from_validation(failure: ValidationError) -> Refused:
    """Everything that is wrong with a request's parameters."""
    mistakes = failure.errors()
    fields = [{"field": ".".join(map(str, mistake["loc"])), "message": mistake["msg"]} for mistake in mistakes]
    required = any(mistake["type"] == "missing" for mistake in mistakes)
    said = ", ".join(f"{field['field']}: {field['message']}" for field in fields)
    return Refused(422, "PARAMETER.REQUIRED" if required else "PARAMETER.INVALID", said, fields)
