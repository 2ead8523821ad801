"""The access log, metrics and spans of calls, as `api/http/access_log.py` has them for requests."""

import logging
import time
from typing import NamedTuple

from durable import context
from models.accounts import Principal
from rpc.call import TRACEPARENT, Call
from telemetry import metrics, tracing
from telemetry.metrics import of

log = logging.getLogger("shopflow.access")

FAULTS = ("INTERNAL", "UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED")
"""Statuses that are an error of the server in its span."""


class Trace(NamedTuple):
    """The context of the call's span, and its parent."""

    span: str
    parent: str | None


def begin(call: Call) -> Trace | None:
    """Begins a span, which continues the caller's; None: nothing is traced."""
    if not tracing.enabled():
        return None
    trace = Trace(*tracing.begin(call.metadata.get(TRACEPARENT)))
    context.trace.set(trace.span)
    return trace


def end(name: str, status: str, seconds: float, principal: Principal | None, trace: Trace | None) -> None:
    """Counts and logs a call that has ended. For a stream, `seconds` is all the time that it took."""
    caller = None if principal is None else principal.key_id or principal.user_id
    milliseconds = round(seconds * 1000, 1)
    of(metrics.RPC_CALLS, name, status).inc()
    of(metrics.RPC_SECONDS, name).observe(seconds)
    log.info(
        "gRPC %s %s %s ms %s", name, status, milliseconds, caller or "-",
        extra={
            "method": "gRPC", "route": name, "status": status, "duration_ms": milliseconds, "caller": caller,
            "request_id": context.request_id.get(),
        },
    )  # fmt: skip
    if trace is not None:
        service, method = name.split("/")
        attributes: tracing.Attributes = {
            "rpc.system": "grpc", "rpc.service": service, "rpc.method": method, "rpc.grpc.status_code": status,
        }  # fmt: skip
        tracing.export(
            name, trace.span, trace.parent, time.time() - seconds, kind="SERVER", attributes=attributes,
            error=status if status in FAULTS else "",
        )  # fmt: skip
