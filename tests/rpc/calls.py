"""Calls by name, and what they were refused with."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

from rpc.services import SERVICES

METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}/{name}": method
    for service in SERVICES
    for name, method in service.descriptor.methods_by_name.items()
}
"""Every method by its full name."""


@dataclass(frozen=True)
class Refused:
    """A status other than OK, with its details."""

    code: grpc.StatusCode
    reason: str
    detail: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after: int | None = None


def refusal_of(error: Any) -> Refused:
    """What the details say. Fails for a status without."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    info, retry, faults = ErrorInfo(), RetryInfo(), BadRequest()
    for one in status.details:
        for message in (info, retry, faults):
            one.Unpack(message)
    assert info.domain == "shopflow"
    errors: dict[str, list[str]] = {}
    for violation in faults.field_violations:
        errors.setdefault(violation.field, []).append(violation.description)
    seconds = retry.retry_delay.seconds or None
    return Refused(error.code(), info.reason, error.details(), errors, dict(info.metadata), seconds)


@dataclass
class Channel:
    """Calls methods by name: `channel.call("…/GetProduct", {"product_id": …}, token)`."""

    channel: Any
    trailing: dict[str, Any] = field(default_factory=dict)

    def call(
        self, name: str, request: dict[str, Any], metadata: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        """The answer, as a message; of a stream, the list of its messages. Or what it was refused with."""
        method = METHODS[name]
        message = json_format.ParseDict(request, GetMessageClass(method.input_type)())
        return self.send(name, message.SerializeToString(), metadata, **options)

    def begin(self, name: str, request: dict[str, Any], metadata: Mapping[str, str]) -> Any:
        """The future of a call without a stream. What is called next on this channel arrives after it."""
        method = METHODS[name]
        message = json_format.ParseDict(request, GetMessageClass(method.input_type)())
        decode: Callable[[bytes], Message] = GetMessageClass(method.output_type).FromString
        begun = self.channel.unary_unary(f"/{name}", None, decode)
        return begun.future(message.SerializeToString(), timeout=30, metadata=tuple(metadata.items()))

    def call_late(self, name: str, request: dict[str, Any], timeout: float) -> grpc.StatusCode:
        """The code of a call that is not answered in time, which the client itself may have given up."""
        method = METHODS[name]
        message = json_format.ParseDict(request, GetMessageClass(method.input_type)())
        try:
            self.channel.unary_unary(f"/{name}")(message.SerializeToString(), timeout=timeout)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        return grpc.StatusCode.OK

    @contextmanager
    def stream(self, name: str, request: dict[str, Any], metadata: Mapping[str, str]) -> Iterator[Any]:
        """An open stream, which is cancelled in the end."""
        method = METHODS[name]
        message = json_format.ParseDict(request, GetMessageClass(method.input_type)())
        decode: Callable[[bytes], Message] = GetMessageClass(method.output_type).FromString
        call = self.channel.unary_stream(f"/{name}", None, decode)
        opened = call(message.SerializeToString(), timeout=30, metadata=tuple(metadata.items()))
        try:
            yield opened
        finally:
            opened.cancel()

    def send(self, name: str, data: bytes, metadata: Mapping[str, str] | None = None, **options: Any) -> Any:
        """As `call`, with the bytes of the request."""
        method = METHODS[name]
        decode: Callable[[bytes], Message] = GetMessageClass(method.output_type).FromString
        kind = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        options = {"timeout": 30, "metadata": tuple((metadata or {}).items()), **options}
        try:
            if method.server_streaming:
                stream = kind(f"/{name}", None, decode)(data, **options)
                return list(stream)
            answer, call = kind(f"/{name}", None, decode).with_call(data, **options)
        except grpc.RpcError as error:
            sent: Any = error.trailing_metadata()
            self.trailing = dict(sent or ())
            return refusal_of(error)
        self.trailing = dict(call.trailing_metadata())
        return answer


def bearer(caller: Any) -> dict[str, str]:
    """The metadata of a signed-in caller."""
    return {"authorization": f"Bearer {caller.access_token}"}
