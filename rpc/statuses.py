"""Refusals and faults as `google.rpc.Status`: the same codes as REST's problem documents, in `ErrorInfo.reason`.

All of it travels in the trailing metadata, of which most clients accept 8 KiB: it is bounded here.
"""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from marshmallow import ValidationError
from sqlalchemy import exc

from durable import Refusal, Unavailable
from serving.bounds import flatten_messages, invalid, shorten

log = logging.getLogger(__name__)

DOMAIN = "shopflow"
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    402: grpc.StatusCode.FAILED_PRECONDITION,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    412: grpc.StatusCode.ABORTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""By the HTTP status of a refusal."""
MAX_DETAILS = 4096  # bytes; in base64 5,500
MAX_MESSAGE, MAX_REASON, MAX_FIELD, MAX_VALUE = 300, 150, 100, 200  # characters
MAX_VIOLATIONS = 20
RETRY_AFTER = 1  # seconds, as in REST
UNREACHABLE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, Unavailable)


class Failure(Exception):
    """A status to end a call with: its code, its message, and the encoded `google.rpc.Status`."""

    def __init__(self, code: grpc.StatusCode, message: str, status: bytes) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def failure_of(error: Exception, call: str, is_late: bool) -> Failure:
    """The status for what a call has raised. `is_late`: its deadline is over. Logs what is not a refusal."""
    if isinstance(error, ValidationError):
        error = invalid(error.messages)
    if isinstance(error, Refusal):
        return _refused(error)
    if is_late:
        return make(grpc.StatusCode.DEADLINE_EXCEEDED, "deadline_exceeded", "The deadline of the call is over.")
    lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, UNREACHABLE):
        log.warning("%s: a dependency is unavailable: %s", call, error)
        detail = "The service is temporarily unavailable; try again shortly."
        return make(grpc.StatusCode.UNAVAILABLE, "unavailable", detail, {"retry_after": RETRY_AFTER})
    log.error("%s failed", call, exc_info=error)
    return make(grpc.StatusCode.INTERNAL, "internal_error", "Something went wrong on our side.")


def _refused(refusal: Refusal) -> Failure:
    code = CODES.get(refusal.status) or grpc.StatusCode.FAILED_PRECONDITION
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        code = grpc.StatusCode.UNAVAILABLE
    return make(code, refusal.code, refusal.detail, refusal.extra)


def make(code: grpc.StatusCode, reason: str, detail: str, extra: Mapping[str, Any] | None = None) -> Failure:
    """A status with its details. `extra`: members of a refusal; those that do not fit are left out."""
    members = dict(extra or {})
    faults, seconds = members.pop("errors", None), members.get("retry_after")
    details: list[Message] = [ErrorInfo(reason=reason, domain=DOMAIN, metadata=_texts(members))]
    if isinstance(seconds, int):
        details.append(RetryInfo(retry_delay={"seconds": seconds}))
    if faults:
        details.append(_bad_request(faults))
    status = Status(message=_message(detail))
    status.code = code.value[0]
    for one in details:
        status.details.add().Pack(one)
    return Failure(code, status.message, status.SerializeToString())


def _message(detail: str) -> str:
    """At most 300 bytes: each that is not ASCII takes three in the metadata."""
    return shorten(detail, MAX_MESSAGE).encode()[:MAX_MESSAGE].decode(errors="ignore")


def _texts(members: Mapping[str, Any]) -> dict[str, str]:
    shown: dict[str, str] = {}
    room = MAX_DETAILS // 4
    for name, value in members.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        name, text = shorten(name, MAX_FIELD), shorten(text, MAX_VALUE)
        room -= len(name.encode()) + len(text.encode())
        if value is not None and room >= 0:
            shown[name] = text
    return shown


def _bad_request(faults: object) -> BadRequest:
    """The first violations: 20, and as many as fit into half of the space."""
    found = BadRequest()
    for field, reasons in flatten_messages(faults, MAX_VIOLATIONS).items():
        for reason in reasons:
            found.field_violations.add(field=shorten(field, MAX_FIELD), description=shorten(reason, MAX_REASON))
    while found.ByteSize() > MAX_DETAILS // 2:
        found.field_violations.pop()
    return found
