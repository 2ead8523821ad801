"""Requests that wait for the end of runs, and streams: each takes a place in this process (`serving/run_waiter.py`)."""

from collections.abc import Callable

from flask import g, request

from serving import run_waiter
from serving.run_waiter import Holder


def wait_for_end(run_id: str, seconds: float, has_ended: Callable[[], bool]) -> None:
    """Waits as `serving.run_waiter.wait_for_end`, for the caller of the present request."""
    run_waiter.wait_for_end(_holder(), run_id, seconds, has_ended)


def acquire_stream_slot() -> Callable[[], None] | None:
    """Reserves a slot for a stream as `serving.run_waiter.acquire_stream_slot`, for the caller of the request."""
    return run_waiter.acquire_stream_slot(_holder())


def _holder() -> Holder:
    return run_waiter.holder_of(g.get("principal"), request.remote_addr)
