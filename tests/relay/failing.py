"""A relay whose thread that looks for incidents fails, for tests of what becomes of it."""

from cli.relay import relay
from monitoring.incidents import Watch
from relay import running


def ending() -> None:
    """The thread ends with the first look."""

    def end(self: Watch) -> None:
        raise SystemExit

    Watch.look = end  # type: ignore[method-assign]
    relay([])


def impatient() -> None:
    """A look that lasts for two seconds counts as hanging."""
    running.LONGEST_LOOK = 2.0
    relay([])
