"""The metrics that processes count themselves. `monitoring/exporter.py` adds up those of all processes of a machine.

No label has personal data, an id, or any value that a client chooses.
"""

import os
from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, values
from prometheus_client.metrics import MetricWrapperBase

from settings import settings
from telemetry import slots

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LONG = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Bounds of the buckets, in seconds. The SLOs of docs/operations.md need 1 s and 30 s."""

REQUESTS = Counter("shop_http_requests", "Requests", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("shop_http_request_seconds", "Time to answer a request", ["method", "route"], buckets=QUICK)
RPC_CALLS = Counter("shop_rpc_calls", "gRPC calls", ["call", "status"])
RPC_SECONDS = Histogram("shop_rpc_call_seconds", "Time to answer a gRPC call", ["call"], buckets=QUICK)
RUNS_ENDED = Counter("shop_runs_ended", "Runs that have ended", ["workflow", "status"])
RUN_SECONDS = Histogram("shop_run_seconds", "Time from a run's start to its end", ["workflow", "status"], buckets=LONG)
STEPS = Counter("shop_steps", "Attempts of steps that have ended", ["step", "outcome"])
STEP_SECONDS = Histogram("shop_step_seconds", "Time of a step that is done", ["step"], buckets=QUICK)
CALLS = Counter("shop_calls", "Calls to external services", ["service", "outcome"])
CALL_SECONDS = Histogram("shop_call_seconds", "Time of a call to an external service", ["service"], buckets=QUICK)
MESSAGE_WAIT = Histogram("shop_message_wait_seconds", "Time of a message in its queue", ["queue"], buckets=LONG)
SLOTS_MISSED = Counter("shop_slots_missed", "Slots that beat has missed and a dispatcher has started", ["workflow"])
CONNECTIONS = Gauge(
    "shop_database_connections", "Database connections in use", ["program"], multiprocess_mode="livesum"
)
POOL = Gauge("shop_database_pool_size", "The most that may be in use", ["program"], multiprocess_mode="livesum")
WEBHOOKS = Counter("shop_webhook_attempts", "Attempts to deliver a webhook", ["outcome"])
WEBHOOK_SECONDS = Histogram(
    "shop_webhook_seconds", "Time of an attempt to deliver a webhook", ["outcome"], buckets=QUICK
)
AUDIT_BROKEN = Gauge(
    "shop_audit_broken", "Whether the latest audit found it broken", ["invariant"], multiprocess_mode="mostrecent"
)
AUDITED_AT = Gauge(
    "shop_audit_timestamp_seconds", "When the latest audit ended", ["result"], multiprocess_mode="mostrecent"
)

program = ""
"""What this process is, such as `worker`; empty: it counts for itself alone."""


def enable(name: str) -> None:
    """Lets this process count into the shared folder, and its children. Once, before anything is counted."""
    global program
    if not settings.metrics or program:
        return
    folder = settings.metrics_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: slots.name(folder, name))  # type: ignore[no-untyped-call]
    program = name


@lru_cache(maxsize=8192)
def of(metric: MetricWrapperBase, *labels: str) -> Any:
    """The metric with these labels. Looking them up costs as much as counting."""
    return metric.labels(*labels)
