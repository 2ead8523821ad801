"""Steps: data that names a function, its queue and its options. The engine performs them."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, Unpack, overload

from sqlalchemy.orm import Session
from typing_extensions import TypeVar

from durable.errors import Refusal, StepTimeout
from durable.retry import DEFAULT_RETRY, Retry
from durable.run import Run, Suspend

Output = TypeVar("Output", covariant=True, default=object)
Request = TypeVar("Request")
Answer = TypeVar("Answer")

LocalWork = Callable[[Session, Run[Any]], Output | Suspend]
WorkForEach = Callable[[Session, Run[Any], str], Output]


class CallOptions(TypedDict, total=False):
    """Options of any step; see `Service.step`."""

    queue: str | None
    replayable: bool
    retry: Retry
    timeout: float | None
    final: Sequence[type[Exception]]


class StepOptions(CallOptions, total=False):
    """Options of a local step; see `Service.step`."""

    long: bool
    commits_at_once: bool
    anywhere: bool


@dataclass(frozen=True, eq=False)
class Step(Generic[Output]):
    """A step, created by a `Service`, which documents the fields."""

    name: str
    queue: str
    work: Callable[..., Any]
    call: Callable[[Any, str], Any] | None = None
    record: Callable[[Session, Any, Any], Output | Suspend] | None = None
    on_refusal: Callable[[Session, Any, Refusal], None] | None = None
    for_each: bool = False
    droppable: bool = False
    replayable: bool = False
    long: bool = False
    commits_at_once: bool = False
    anywhere: bool = False
    retry: Retry = DEFAULT_RETRY
    timeout: float | None = None
    final: tuple[type[Exception], ...] = ()

    @property
    def is_external(self) -> bool:
        """Whether the step makes an external call, between two transactions."""
        return self.call is not None

    @property
    def is_detached(self) -> bool:
        """Whether the step works without the run's lock, because it may take long or runs in parallel. An external step
        never holds the lock during its call."""
        return (self.long or self.for_each) and not self.is_external

    def perform(self, session: Session, run: Run, name: str) -> object:
        """Performs the work of this name, in the caller's transaction. Raises StepTimeout."""
        with _time_limit(self.timeout):
            return self.work(session, run, item_of(name)) if self.for_each else self.work(session, run)

    def make_call(self, request: object, idempotency_key: str) -> object:
        """Makes the external call and returns its response. Raises StepTimeout, and what the call raises."""
        assert self.call is not None
        with _time_limit(self.timeout):
            return self.call(request, idempotency_key)


def item_of(name: str) -> str:
    """The item in the name of a step in an `Each`: `reports.part[wh_…]` → `wh_…`."""
    return name.partition("[")[2].removesuffix("]")


class Service:
    """A service. Its name is the prefix of its steps' names, and their default queue."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def step(self, work: LocalWork[Output], /) -> Step[Output]: ...
    @overload
    def step(self, /, **options: Unpack[StepOptions]) -> Callable[[LocalWork[Output]], Step[Output]]: ...
    def step(self, work: LocalWork[Output] | None = None, /, **options: Any) -> Any:
        """Declares a local step. `work(session, run)` runs in a transaction; its return value is the step's output.

        Options: `queue`, by default the service's. `long`: the step may take longer than a lease; it runs without the
        run's lock and may call `durable.heartbeat`. `commits_at_once`: the step locks a row that every run needs, so
        its transaction commits right after it. `anywhere`: the step is so cheap that any worker performs it in place,
        whichever queues it consumes. `retry`: a `Retry`. `timeout`: seconds after which the attempt fails. `final`:
        exceptions that are final, like `Refusal`. `replayable`: performing the step again after it is done does no
        harm, so an operator may replay a run from it; see `replay`.
        """
        if work is None:
            return lambda work: self._make(work, **options)
        return self._make(work)

    @overload
    def step_for_each(self, work: WorkForEach[Output], /) -> Step[Output]: ...
    @overload
    def step_for_each(
        self, /, *, droppable: bool = False, replayable: bool = False
    ) -> Callable[[WorkForEach[Output]], Step[Output]]: ...
    def step_for_each(
        self, work: WorkForEach[Output] | None = None, /, *, droppable: bool = False, replayable: bool = False
    ) -> Any:
        """Declares a local step `work(session, run, item)` for an `Each`. It is implicitly `long`.

        `droppable`: an operator can drop an item; the work asks `run.is_dropped` and ends the item without its effect.
        `replayable`: as for `step`.
        """
        if work is None:
            return lambda work: self._make(work, for_each=True, droppable=droppable, replayable=replayable)
        return self._make(work, for_each=True)

    def external_step_for_each(
        self,
        *,
        call: Callable[[Request, str], Answer],
        record: Callable[[Session, Run[Any], Answer], Output],
        **options: Unpack[CallOptions],
    ) -> Callable[[WorkForEach[Request | None]], Step[Output]]:
        """Declares an external step for an `Each`: `work(session, run, item)` builds the request of one item.

        Each item has its own request, idempotency key, attempts and record. `record` is not told the item: the answer
        must contain what it needs. The rest is as for `external_step`.
        """
        return lambda work: self._make(work, for_each=True, call=call, record=record, **options)

    def external_step(
        self,
        *,
        call: Callable[[Request, str], Answer],
        record: Callable[[Session, Run[Any], Answer], Output | Suspend],
        on_refusal: Callable[[Session, Run[Any], Refusal], None] | None = None,
        **options: Unpack[CallOptions],
    ) -> Callable[[LocalWork[Request | None]], Step[Output]]:
        """Declares a step with an external call. The decorated function builds the request.

        The function runs in a transaction and returns the request, as JSON, which is stored with the step: every
        attempt sends the same request. It returns None if no call is needed. `call(request, idempotency_key)` runs
        outside any transaction and sets its own timeouts. If it raises Refusal, the call is rejected for good; if it
        raises `Unavailable`, it is retried with the same key. `record(session, run, answer)` records the response and
        returns the output; `on_refusal(session, run, refusal)` records the rejection. The decorated function may return
        `Suspend` to wait before the call, and `record` to wait and call again, with a new request and the same key. A
        suspended step counts as not started: it must not be one that has an undo. Options: `queue`, `retry`,
        `timeout`, `final`, `replayable`, as for `step`. A replay makes a new request, under the same key: a replayable
        call must be one that the service accepts again.
        """
        return lambda work: self._make(work, call=call, record=record, on_refusal=on_refusal, **options)

    def _make(
        self, work: Callable[..., Any], queue: str | None = None, final: Sequence[type[Exception]] = (), **parts: Any
    ) -> Step[Any]:
        name = f"{self.name}.{work.__name__}"
        return Step(name, queue or self.name, work, final=tuple(final), **parts)


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    """Raises StepTimeout in the block after this many seconds; None: never. Only works in a process's main thread,
    where Celery's prefork pool performs tasks."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(*_: object) -> None:
        raise StepTimeout(f"the step took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
