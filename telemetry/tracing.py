"""Traces: spans, sent to a collector by OTLP over HTTP. Only with SHOP_OTLP_URL; otherwise nothing is imported here.

A span is made when it has ended, with the context that was known before: see `durable/traces.py`. A process sends once
a second; what a killed process has not sent is lost.
"""

import atexit
import logging
import os
import random
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from durable import traces
from settings import settings
from telemetry import metrics

SEND = 1000  # milliseconds between two batches

Attributes = Mapping[str, str | int | float]

_tracers: dict[int, tuple[Any, Any, Any]] = {}  # by pid: the provider, its tracer, the ids of the next span
_making = threading.Lock()


def enabled() -> bool:
    """Whether spans are sent."""
    return bool(settings.otlp_url)


def begin(given: str | None) -> tuple[str, str | None]:
    """A new context, and its parent: the client's, if it is valid. Without one, SHOP_OTLP_SHARE decides."""
    if given is not None and traces.PATTERN.fullmatch(given):
        version, trace_id, _, flags = given.split("-")
        return f"{version}-{trace_id}-{secrets.token_hex(8)}-{flags}", given
    flags = "01" if random.random() < settings.otlp_share else "00"  # noqa: S311
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}", None


def export(
    name: str,
    context: str | None,
    parent: str | None,
    since: float,
    *,
    kind: str = "INTERNAL",
    attributes: Attributes | None = None,
    links: Sequence[str] = (),
    error: str = "",
) -> None:
    """Sends a span that ends now, unless its trace is not sampled. `since`: epoch seconds. `error`: a word for it."""
    if context is None or not int(context[-2:], 16) & 1 or not enabled():
        return
    from opentelemetry import trace
    from opentelemetry.context import Context

    _, tracer, ids = _tracer()
    ids.next = context
    span = tracer.start_span(
        name,
        trace.set_span_in_context(trace.NonRecordingSpan(_context(parent))) if parent else Context(),
        kind=trace.SpanKind[kind],
        attributes=dict(attributes or {}),
        links=[trace.Link(_context(one)) for one in links],
        start_time=int(since * 1e9),
    )
    if error:
        span.set_status(trace.StatusCode.ERROR, error)
    span.end(int(max(time.time(), since) * 1e9))


def flush(**_: object) -> None:
    """Sends what is left, before a process ends."""
    if os.getpid() in _tracers:
        _tracers.pop(os.getpid())[0].shutdown()


def _context(traceparent: str) -> Any:
    from opentelemetry import trace

    _, trace_id, span_id, flags = traceparent.split("-")
    return trace.SpanContext(int(trace_id, 16), int(span_id, 16), True, trace.TraceFlags(int(flags, 16)))


def _tracer() -> tuple[Any, Any, Any]:
    """Of this process: threads and connections do not survive a fork."""
    with _making:
        if os.getpid() not in _tracers:
            _tracers.clear()
            _tracers[os.getpid()] = _make()
        return _tracers[os.getpid()]


def _make() -> tuple[Any, Any, Any]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    class Given(threading.local, IdGenerator):
        """The ids of the context of the span that this thread exports."""

        next = ""

        def generate_span_id(self) -> int:
            return int(self.next.split("-")[2], 16)

        def generate_trace_id(self) -> int:
            return int(self.next.split("-")[1], 16)

    logging.getLogger("opentelemetry").setLevel(logging.WARNING)
    ids = Given()
    resource = Resource.create(
        {
            "service.name": "shopflow",
            "service.instance.id": str(os.getpid()),
            "shop.program": metrics.program or "other",
        }
    )
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=ids)
    exporter = OTLPSpanExporter(f"{settings.otlp_url.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SEND))
    return provider, provider.get_tracer("shopflow"), ids


atexit.register(flush)
