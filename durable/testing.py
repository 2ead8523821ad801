"""For tests: named points at which a process kills or stops itself, and a worker of your own application.

`DURABLE_CRASH_FILE` names a file with lines `<point>@<step>[@<run>][ <how>]`. A process that reaches such a point takes
the line away and dies; a line with a run's id is for that run alone, so that many can be armed at once. Without the
variable, which is how everything runs but tests, the points cost one comparison.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = os.environ.get("DURABLE_CRASH_FILE")

POINTS = ("before-publish", "before-commit", "after-call", "after-commit")


def crash_point(point: str, step: str, run_id: str) -> None:
    """Kills this process (SIGKILL) if it is armed for this point of this step, once; otherwise does nothing.

    A word behind the point changes that: `worker` kills the process' parent first, so that nobody gives its message
    back; `stop` stops it (SIGSTOP) instead; `always` leaves the line where it is. The steps of `Each` are armed
    together, by their name without the item.
    """
    if _FILE is None:
        return
    here = f"{point}@{step.partition('[')[0]}"
    how = _take(Path(_FILE), (here, f"{here}@{run_id}"))
    if how is None:
        return
    if how == "worker":
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGSTOP if how == "stop" else signal.SIGKILL)


def _take(file: Path, wanted: tuple[str, ...]) -> str | None:
    """How to crash here, and takes the line away; None if the file does not ask for it."""
    try:
        with file.open("r+") as armed:
            fcntl.flock(armed, fcntl.LOCK_EX)
            lines = armed.read().splitlines()
            found = next((line for line in lines if line.partition(" ")[0] in wanted), None)
            if found is None:
                return None
            how = found.partition(" ")[2]
            if how != "always":
                lines.remove(found)
                armed.seek(0)
                armed.truncate()
                armed.write("\n".join(lines))
                armed.flush()
                if not lines:
                    file.unlink()
            return how
    except FileNotFoundError:
        return None


@contextmanager
def worker(
    app: str, *queues: str, concurrency: int = 1, log: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker of `-A app` for these queues as a process of its own, consuming when the block begins.

    What it says goes to `log`. Raises RuntimeError if it does not get ready within 30 seconds.
    """
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", ",".join(queues), "-c", str(concurrency),
               "-n", f"test-{time.monotonic_ns()}@%h", "--without-gossip", "--without-mingle",
               "--loglevel=INFO"]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=output,
                                   start_new_session=True)  # fmt: skip
    try:
        until = time.monotonic() + 30
        while " ready." not in log.read_text():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the worker did not get ready:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
