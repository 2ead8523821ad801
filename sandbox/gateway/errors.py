"""Responses and errors of the sandbox gateway, with the messages and statuses of Stripe's API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError


@dataclass(frozen=True)
class Answer:
    """An HTTP status and its JSON body."""

    status: int
    body: dict[str, Any]


class Refused(Exception):
    """A request was refused before it had any effect. Nothing is stored, not even under its idempotency key."""

    def __init__(self, status: int, kind: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.answer = error(status, kind, message, **extra)


def error(status: int, kind: str, message: str, **extra: Any) -> Answer:
    """Stripe's error body; `extra` holds `code`, `param`, `decline_code`, `payment_intent`."""
    return Answer(status, {"error": {"type": kind, "message": message, **extra}})


def injected_fault(status: int) -> Answer:
    """The response of a request into which a fault is injected."""
    return error(status, "api_error", "Injected fault (/sandbox/faults).")


def invalid(message: str, *, status: int = 400, **extra: Any) -> Refused:
    return Refused(status, "invalid_request_error", message, **extra)


def missing(kind: str, identifier: str, param: str, status: int = 400) -> Refused:
    return invalid(f"No such {kind}: '{identifier}'", status=status, code="resource_missing", param=param)


def unauthorised(key: str, allowed: Sequence[str]) -> Refused:
    if key:
        text = f"Invalid API Key provided: it must start with {' or '.join(allowed)}."
        return Refused(401, "invalid_request_error", text)
    return Refused(
        401,
        "invalid_request_error",
        "You did not provide an API key. You need to provide your API key in the Authorization header, "
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    )


def unknown_url(method: str, path: str) -> Refused:
    return invalid(f"Unrecognized request URL ({method}: {path}).", status=404)


def key_in_use(key: str) -> Refused:
    return invalid(
        f"There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
    )


def key_reused(key: str, limit: str) -> Refused:
    return Refused(
        400,
        "idempotency_error",
        f"Keys for idempotent requests can only be used {limit} they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
    )


def from_validation(failure: ValidationError) -> Refused:
    """Stripe's error for the first invalid parameter of a request."""
    mistake = failure.errors()[0]
    name, *inner = [str(part) for part in mistake["loc"]] or ["body"]
    param = name + "".join(f"[{part}]" for part in inner)
    match mistake["type"]:
        case "missing":
            return invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)
        case "extra_forbidden":
            return invalid(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
        case "int_parsing" | "int_type":
            return invalid(f"Invalid integer: {mistake['input']}", code="parameter_invalid_integer", param=param)
        case _:
            return invalid(f"Invalid {param}: {mistake['msg']}", param=param)
