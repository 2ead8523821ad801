"""Progress: a bar in a terminal, otherwise a line every few seconds."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

PAUSE = 2.0  # seconds between lines


class Progress:
    """Counts completed items. Thread-safe. `what` names the items, in the plural."""

    def __init__(self, what: str, total: int, console: Console) -> None:
        self._what, self._total, self._done = what, total, 0
        self._console = console
        self._lock = threading.Lock()
        self._printed = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Bar(*columns, console=console) if console.is_terminal else None
        self._task = self._bar.add_task(what, total=total) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self, line: str = "", count: int = 1) -> None:
        """Adds `count` items. Prints `line`; without it, prints the count every few seconds."""
        with self._lock:
            self._done += count
            if self._bar and self._task is not None:
                self._bar.advance(self._task, count)
            elif not line and (self._done == self._total or time.monotonic() - self._printed > PAUSE):
                line = f"{self._done} of {self._total} {self._what}"
            if line:
                self._printed = time.monotonic()
                self._console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
