"""The access log, one line per request; the metrics and spans of requests.

They have the route, not the URL: paths and query values may be personal.
"""

import logging
import time

from flask import Flask, Response, g, request

from durable import context
from telemetry import metrics, tracing
from telemetry.metrics import of

log = logging.getLogger("shopflow.access")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def install(app: Flask) -> None:
    """Registers the hooks. The first ones that are registered: they see the answer of all others."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.perf_counter()
    if tracing.enabled():
        g.trace, g.parent = tracing.begin(request.headers.get("traceparent"))
        context.trace.set(g.trace)


def _end(response: Response) -> Response:
    """For an answer that is a stream, the duration is the time until it begins."""
    rule = request.url_rule
    route = rule.rule if rule is not None else "-"  # what is not ours is not repeated
    method = request.method if request.method in METHODS else "-"
    principal = g.get("principal")
    caller = (principal.key_id or principal.user_id) if principal is not None else None
    seconds = time.perf_counter() - g.began
    milliseconds = round(seconds * 1000, 1)
    of(metrics.REQUESTS, method, route, str(response.status_code)).inc()
    of(metrics.REQUEST_SECONDS, method, route).observe(seconds)
    log.info(
        "%s %s %d %s ms %s", method, route, response.status_code, milliseconds, caller or "-",
        extra={
            "method": method, "route": route, "status": response.status_code, "duration_ms": milliseconds,
            "caller": caller, "request_id": context.request_id.get(),
        },
    )  # fmt: skip
    if "trace" in g:
        attributes: tracing.Attributes = {
            "http.request.method": method, "http.route": route, "http.response.status_code": response.status_code,
        }  # fmt: skip
        tracing.export(
            f"{method} {route}", g.trace, g.parent, time.time() - seconds, kind="SERVER", attributes=attributes,
            error=str(response.status_code) if response.status_code >= 500 else "",
        )  # fmt: skip
    return response
