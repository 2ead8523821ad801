"""gunicorn's own log lines, in the format of all others."""

from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from telemetry import logs


class Logger(GunicornLogger):
    """gunicorn's logger. It has no access log: `api/http/access_log.py` knows more of a request."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            logs.dress(handler)
