"""Logging of every process of the shop: text or JSON (SHOP_LOG_FORMAT), one line per event, on standard error.

Each line names the request, run, step and trace that it belongs to, if there are any.
"""

import logging
from typing import Any

from pythonjsonlogger.core import LogData
from pythonjsonlogger.json import JsonFormatter

from durable import context
from settings import LOG_FORMAT, settings

CONTEXT = ("request_id", "run_id", "step", "trace_id")
FIELDS = (
    "time", "level", "process", "logger", "message", *CONTEXT,
    "method", "route", "status", "duration_ms", "caller", "exception", "stack",
)  # fmt: skip
"""The members of a line of JSON. Whatever else a library attaches to a record stays out: it may be personal."""
QUIET = ("stripe", "httpx", "urllib3")
"""Loggers that have a line for each call at INFO, or URLs with tokens at DEBUG."""


class AddContext(logging.Filter):
    """Adds the context to each record: of this thread, or of the message that a line of Celery is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        run_id, step = context.run_id.get(), context.step.get()
        if run_id is None and isinstance(about := getattr(record, "data", None), dict):
            run_id, step = _message(str(about.get("id", "")))
        trace = context.trace.get()
        trace_id = trace.split("-")[1] if trace else None
        known = {"request_id": context.request_id.get(), "run_id": run_id, "step": step, "trace_id": trace_id}
        for name, value in known.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        shown = [f"{name}={value}" for name in CONTEXT if (value := getattr(record, name, None))]
        record.context = f" [{' '.join(shown)}]" if shown else ""
        return True


def _message(task_id: str) -> tuple[str | None, str | None]:
    """The run and step of a message: its id is `run:generation:step`."""
    run_id, _, rest = task_id.partition(":")
    return (run_id, rest.partition(":")[2] or None) if run_id.startswith("run_") else (None, None)


class Json(JsonFormatter):
    """A line of JSON with the FIELDS that the record has."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "process", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"},
            timestamp="time",
        )

    def process_log_record(self, log_data: LogData) -> LogData:
        return {name: value for name in FIELDS if (value := log_data.get(name)) is not None}


def dress(handler: logging.Handler) -> logging.Handler:
    """Sets format and context of a handler."""
    handler.addFilter(AddContext())
    text = logging.Formatter(LOG_FORMAT + "%(context)s")
    handler.setFormatter(Json() if settings.log_format == "json" else text)
    return handler


def configure(**_: Any) -> None:
    """Configures the logging of this process, once."""
    logging.captureWarnings(True)
    logging.basicConfig(level=settings.log_level, handlers=[dress(logging.StreamHandler())])
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
