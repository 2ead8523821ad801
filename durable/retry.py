"""Retry policies of steps."""

from dataclasses import dataclass

from durable import config


@dataclass(frozen=True)
class Retry:
    """Exponential backoff, in seconds.

    `first`: the delay after the first failure (None: one lease). Each further delay is `factor` times as long, up to
    `longest` (None: the engine's `longest_pause`). After `attempts` failures, the run is compensated or, if that is not
    possible, marked as stuck (None: the engine's `attempts`).
    """

    first: float | None = None
    factor: float = 2.0
    longest: float | None = None
    attempts: int | None = None

    def delay(self, failures: int) -> float:
        """Seconds until the next attempt after this number of failures."""
        options = config.options()
        longest = options.longest_pause if self.longest is None else self.longest
        first = options.lease if self.first is None else self.first
        return min(first * self.factor ** min(failures - 1, 20), longest)


DEFAULT_RETRY = Retry()
