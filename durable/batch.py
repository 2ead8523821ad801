"""What one transaction of a worker has done."""

from dataclasses import dataclass, field

from durable import config, traces
from durable.begun import Begun
from durable.plan import Call
from durable.run import Run


@dataclass
class Batch:
    """The results of one transaction, and the actions after its commit."""

    done: list[tuple[Call, float]] = field(default_factory=list)  # with its start in epoch seconds
    current: Call | None = None
    begun: Begun | None = None
    publish: list[list[Call]] = field(default_factory=list)
    over: bool = False  # the run has ended, is suspended, or belongs to another worker
    locks_all: bool = False  # the transaction holds a lock that every run needs
    suspended: tuple[Call, float] | None = None
    ended: str = ""  # the status with which the run has ended

    def report(self, run: Run | None) -> None:
        """Tells the observer, after the commit."""
        if run is None:
            return
        observer = config.options().observer
        for call, since in self.done:
            observer.step_ended(run, call, "done", since)
            run.trace = run.trace and traces.origin(run.trace)  # only the step that was woken has links
        if self.suspended is not None:
            observer.step_ended(run, self.suspended[0], "suspended", self.suspended[1])
        if self.ended:
            observer.run_ended(run, self.ended)
