"""What a step is: data that names a function, its queue, and how it is performed. The engine performs it."""

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
    """A step. Made by a `Service`; see there for what each part means."""

    name: str
    queue: str
    work: Callable[..., Any]
    call: Callable[[Any, str], Any] | None = None
    record: Callable[[Session, Any, Any], Output] | None = None
    on_refusal: Callable[[Session, Any, Refusal], None] | None = None
    for_each: bool = False
    long: bool = False
    commits_at_once: bool = False
    anywhere: bool = False
    retry: Retry = DEFAULT_RETRY
    timeout: float | None = None
    final: tuple[type[Exception], ...] = ()

    @property
    def is_external(self) -> bool:
        """Whether it calls something outside, between two transactions."""
        return self.call is not None

    @property
    def is_detached(self) -> bool:
        """Whether it works without the run's lock: it may take long, and others may work beside it."""
        return self.long or self.for_each

    def perform(self, session: Session, run: Run, name: str) -> object:
        """The work under that name, in the caller's transaction. Raises StepTimeout."""
        with _time_limit(self.timeout):
            return self.work(session, run, item_of(name)) if self.for_each else self.work(session, run)

    def call_outside(self, request: object, idempotency_key: str) -> object:
        """What the outside answers. Raises StepTimeout, and what the call raises."""
        assert self.call is not None
        with _time_limit(self.timeout):
            return self.call(request, idempotency_key)


def item_of(name: str) -> str:
    """The item of a step that is done for each: `reports.part[wh_…]` → `wh_…`."""
    return name.partition("[")[2].removesuffix("]")


class Service:
    """A service: its name is the first word of its steps' names, and their queue where they name no other."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def step(self, work: LocalWork[Output], /) -> Step[Output]: ...
    @overload
    def step(self, /, **options: Unpack[StepOptions]) -> Callable[[LocalWork[Output]], Step[Output]]: ...
    def step(self, work: LocalWork[Output] | None = None, /, **options: Any) -> Any:
        """Makes a local step of `work(session, run)`: it works in a transaction, and its output is what it returns.

        Options: `queue`, if not the service's. `long`: it may take longer than a lease, and works without the run's
        lock; then it may call `durable.heartbeat`. `commits_at_once`: it locks a row that every run needs, so its
        transaction is committed right after it. `anywhere`: it costs next to nothing, and the worker that reaches it
        performs it, whatever queues it consumes. `retry`: a `Retry`. `timeout`: seconds, after which it has failed.
        `final`: exceptions that are as final as a `Refusal`.
        """
        if work is None:
            return lambda work: self._make(work, **options)
        return self._make(work)

    def step_for_each(self, work: WorkForEach[Output], /) -> Step[Output]:
        """Makes a local step of `work(session, run, item)`, to stand in an `Each`. It is `long`."""
        return self._make(work, for_each=True)

    def external_step(
        self,
        *,
        call: Callable[[Request, str], Answer],
        record: Callable[[Session, Run[Any], Answer], Output],
        on_refusal: Callable[[Session, Run[Any], Refusal], None] | None = None,
        **options: Unpack[CallOptions],
    ) -> Callable[[LocalWork[Request | None]], Step[Output]]:
        """Makes a step that calls something outside, of a function that says what to ask for.

        The function works in a transaction and returns the request, which is JSON and is kept with the step: every
        attempt asks for the same thing. None: there is nothing to ask. `call(request, idempotency_key)` calls, outside
        any transaction, with timeouts of its own. A Refusal from it is the outside's no; `Unavailable` is retried with
        the same key. `record(session, run, answer)` records the answer and returns the output; `on_refusal(session,
        run, refusal)` records the no. Options: `queue`, `retry`, `timeout`, `final`, as for `step`.
        """
        return lambda work: self._make(work, call=call, record=record, on_refusal=on_refusal, **options)

    def _make(
        self, work: Callable[..., Any], queue: str | None = None, final: Sequence[type[Exception]] = (), **parts: Any
    ) -> Step[Any]:
        name = f"{self.name}.{work.__name__}"
        return Step(name, queue or self.name, work, final=tuple(final), **parts)


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    """Raises StepTimeout in the block after so many seconds; None: never. Works in a process' main thread, which is
    where Celery's pool of processes performs tasks."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(*_: object) -> None:
        raise StepTimeout(f"it has taken longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
