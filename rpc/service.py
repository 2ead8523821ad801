"""Services: which function answers which method, and everything around it that is the same for all."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from durable import context as current
from models.core import database, event_log
from models.core.errors import Invalid
from models.core.events import StaffActed
from rpc import observing, statuses
from rpc.call import REQUEST_ID, Call
from rpc.messages import parse
from rpc.rules import Rule
from serving import staff_actions
from serving.requests import read_request_id
from settings import settings

DETAILS = "grpc-status-details-bin"

Perform = Callable[[Call, Any], Any]


@dataclass(frozen=True)
class Method:
    """A method, its rule, and the function that answers it: a message, or an iterator of messages for a stream."""

    name: str
    request: type[Message]
    rule: Rule
    perform: Perform
    is_stream: bool
    waits: bool
    only_reads: bool


class Service:
    """The methods of a service. `@service.call("GetThing", RULE)` declares what answers one."""

    def __init__(self, descriptor: ServiceDescriptor) -> None:
        self.descriptor = descriptor
        self.name = descriptor.full_name
        self.methods: dict[str, Method] = {}

    def call(self, name: str, rule: Rule, *, waits: bool = False) -> Callable[[Perform], Perform]:
        """Declares the function that answers a method. It gets the call and the request. `waits`: it may take its time,
        and has a thread of those that wait."""
        described: MethodDescriptor = self.descriptor.methods_by_name[name]
        only_reads = described.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS

        def declare(perform: Perform) -> Perform:
            request = GetMessageClass(described.input_type)
            self.methods[name] = Method(
                f"{self.name}/{name}", request, rule, perform, described.server_streaming, waits, only_reads
            )
            return perform

        return declare

    def handlers(self, waiting: ThreadPoolExecutor) -> grpc.GenericRpcHandler:
        """What a server needs. `waiting`: the threads of calls that wait. Raises NotImplementedError for a method that
        nothing answers."""
        if missing := {*self.descriptor.methods_by_name} - {*self.methods}:
            raise NotImplementedError(f"{self.name}: nothing answers {', '.join(sorted(missing))}")
        return grpc.method_handlers_generic_handler(self.name, _handlers(self.methods, waiting))


def _handlers(methods: Mapping[str, Method], waiting: ThreadPoolExecutor) -> Any:
    """Without a deserialiser: a message that cannot be decoded is a refusal, with a code."""
    found: dict[str, Any] = {}
    for name, method in methods.items():
        behaviour = _streaming(method) if method.is_stream else _answering(method)
        if method.waits:
            vars(behaviour)["experimental_thread_pool"] = waiting
        kind = grpc.unary_stream_rpc_method_handler if method.is_stream else grpc.unary_unary_rpc_method_handler
        found[name] = kind(behaviour)
    return found


def _answering(method: Method) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
        with _work(method, context) as work:
            work.encoded = encode(work.begin(data))
        work.finish()
        return work.encoded

    return answer


def _streaming(method: Method) -> Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]:
    def stream(data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        with _work(method, context) as work:
            for message in work.begin(data):
                yield encode(message)
        work.finish()

    return stream


def encode(message: Message) -> bytes:
    """Raises Invalid for an answer that is longer than SHOP_ANSWER_BYTES: rows differ in size."""
    encoded = message.SerializeToString()
    if len(encoded) > settings.answer_bytes:
        detail = f"The page would be larger than {settings.answer_bytes} bytes. Ask for fewer rows with `limit`."
        raise Invalid(detail, code="answer_too_large", limit=settings.answer_bytes)
    return encoded


class _Work:
    """The work for one call."""

    encoded = b""
    failure: statuses.Failure | None = None

    def __init__(self, method: Method, context: grpc.ServicerContext) -> None:
        self.method, self.context = method, context
        self.call = Call(context)

    def begin(self, data: bytes) -> Any:
        """Admits the caller and performs the call."""
        method, call = self.method, self.call
        if call.is_late:  # it has waited for a thread for too long
            raise TimeoutError("The deadline of the call is over.")
        request = parse(method.request, data)
        principal = method.rule.admit(call)
        if principal is not None:
            call.principal = principal
            event_log.actor.set(principal.key_id or principal.user_id)
        with nullcontext() if method.only_reads else _recording(method, request):
            return method.perform(call, request)

    def finish(self) -> None:
        """Sends the trailing metadata, and a failure if there is one."""
        trailing: list[tuple[str, str | bytes]] = list(self.call.trailing.items())
        if self.failure is None:
            self.context.set_trailing_metadata(tuple(trailing))
            return
        self.context.set_trailing_metadata((*trailing, (DETAILS, self.failure.status)))
        self.context.abort(self.failure.code, self.failure.message)


@contextmanager
def _work(method: Method, context: grpc.ServicerContext) -> Iterator[_Work]:
    """Sets what this thread works on, turns what is raised into a failure, and counts the call."""
    began = time.perf_counter()
    work = _Work(method, context)
    call = work.call
    request_id = read_request_id(call.metadata.get(REQUEST_ID))
    call.trailing[REQUEST_ID] = request_id
    current.request_id.set(request_id)
    database.deadline.set(call.deadline)
    trace = observing.begin(call)
    try:
        yield work
    except Exception as error:  # noqa: BLE001  becomes the status of the call, and is logged there
        work.failure = statuses.failure_of(error, method.name, call.is_late)
    finally:
        code = grpc.StatusCode.OK if work.failure is None else work.failure.code
        observing.end(method.name, code.name, time.perf_counter() - began, getattr(call, "principal", None), trace)
        for variable in (current.request_id, current.trace, event_log.actor, database.deadline):
            variable.set(None)


def _recording(method: Method, request: Message) -> Any:
    if method.rule.permission is None:
        return nullcontext()
    ids = (value for field, value in request.ListFields() if field.name.endswith("_id"))
    return staff_actions.recording(
        StaffActed(
            subject=next(ids, None), method="gRPC", path=f"/{method.name}", permission=method.rule.permission,
            request_id=current.request_id.get(),
        )
    )  # fmt: skip
