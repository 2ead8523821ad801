"""The sandbox PayPal's answers and refusals, in the form of PayPal's API (developer.paypal.com/api/rest/responses)."""

from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from pydantic import ValidationError


@dataclass(frozen=True)
class Answer:
    """An HTTP status and its JSON body; None: no body."""

    status: int
    body: dict[str, Any] | None


class Refused(Exception):
    """A request that was refused before it had any effect: nothing is kept under its PayPal-Request-Id."""

    def __init__(self, status: int, name: str, issue: str, description: str, field: str = "") -> None:
        super().__init__(description)
        self.answer = error(status, name, issue, description, field)


def error(status: int, name: str, issue: str, description: str, field: str = "") -> Answer:
    detail = {"issue": issue, "description": description, **({"field": field} if field else {})}
    body = {"name": name, "message": MESSAGES.get(name, description), "debug_id": token_hex(7), "details": [detail]}
    return Answer(status, body)


MESSAGES = {
    "UNPROCESSABLE_ENTITY": "The requested action could not be performed, semantically incorrect, or failed business "
    "validation.",
    "INVALID_REQUEST": "Request is not well-formed, syntactically incorrect, or violates schema.",
    "RESOURCE_NOT_FOUND": "The specified resource does not exist.",
    "RESOURCE_CONFLICT": "The server has detected a conflict while processing this request.",
    "RATE_LIMIT_REACHED": "Too many requests. Blocked due to rate limiting.",
    "INTERNAL_SERVER_ERROR": "An internal server error has occurred.",
    "AUTHENTICATION_FAILURE": "Authentication failed due to invalid authentication credentials or a missing "
    "Authorization header.",
}


def unprocessable(issue: str, description: str, field: str = "") -> Refused:
    """422: PayPal has understood the request and won't do it."""
    return Refused(422, "UNPROCESSABLE_ENTITY", issue, description, field)


def invalid(issue: str, description: str, field: str = "") -> Refused:
    """400: the request is malformed."""
    return Refused(400, "INVALID_REQUEST", issue, description, field)


def missing(identifier: str) -> Refused:
    return Refused(
        404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", f"Specified resource ID does not exist: {identifier}."
    )


def in_use(request_id: str) -> Refused:
    return Refused(
        409, "RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS", f"A request with the id {request_id} is in progress."
    )


def told_to_fail() -> Answer:
    return error(500, "INTERNAL_SERVER_ERROR", "INTERNAL_SERVICE_ERROR", "The sandbox was told to fail.")


def rate_limited() -> Answer:
    return error(429, "RATE_LIMIT_REACHED", "RATE_LIMIT_REACHED", "Too many requests.")


def unauthorised() -> Answer:
    """401, as for a token that has expired: without `details`."""
    body = {"error": "invalid_token", "error_description": "Token signature verification failed or token expired."}
    return Answer(401, body)


def from_validation(failure: ValidationError) -> Refused:
    mistake = failure.errors(include_url=False, include_context=False, include_input=False)[0]
    field = "/" + "/".join(map(str, mistake["loc"]))
    if mistake["type"] == "missing":
        return invalid("MISSING_REQUIRED_PARAMETER", "A required field is missing.", field)
    return invalid("INVALID_PARAMETER_VALUE", mistake["msg"], field)
