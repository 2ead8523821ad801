"""Parts of a shop as child processes: those that a benchmark needs, or the whole of it by `shop up`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from settings import Settings

ROOT = Path(__file__).parent.parent
SHOP = Path(sys.executable).parent / "shop"
PATIENCE = 60.0  # seconds for a part to get ready


@contextmanager
def process(
    name: str, command: Sequence[str], environment: dict[str, str], log: Path, *, answers: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Runs a program for the length of a block, then ends it, and kills it if that takes long.

    What it says goes to `log`; what it writes to its standard output comes back to us if it `answers`.
    """
    program = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    with log.open("a") as output:
        child = subprocess.Popen(
            program, cwd=ROOT, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if answers else output, stderr=output, text=True, start_new_session=True,
        )  # fmt: skip
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


@contextmanager
def parts(settings: "Settings", *names: str) -> Iterator[dict[str, int]]:
    """Runs these programs of the shop (`local.processes`) and yields their process ids by name.

    Databases and queues wait for the disk, as in a real shop. A worker is one of `benchmarks.workers`. Raises
    RuntimeError for a part that does not get ready.
    """
    from local.processes import processes
    from local.readiness import ready
    from local.supervision import environment
    from local.waiting import wait_until

    wanted = {program.name: program for program in processes(settings)}
    with ExitStack() as exits:
        found = {}
        for name in names:
            command = [word.replace("workflows", "benchmarks.workers") for word in wanted[name].command]
            variables = {**environment(settings), **wanted[name].environment}
            log = settings.var / f"{name}.log"
            found[name] = exits.enter_context(process(name, command, variables, log)).pid
        for name in names:
            if not wait_until(partial(ready, settings, wanted[name]), PATIENCE, 0.1):
                log = settings.var / f"{name}.log"
                raise RuntimeError(f"{name} did not get ready:\n{log.read_text()[-2000:]}")
        yield found


class Shop:
    """A whole shop in a folder of its own, on free ports, as `shop up` brings it up."""

    def __init__(self, var: Path, **settings: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
        ports = {f"SHOP_{name}_PORT": "0" for name in ("API", "FLOWER", "GATEWAY", "PAYPAL", "MAILBOX", "SMTP")}
        self.environment = {**clean, **ports, "SHOP_VAR": str(var), **settings}

    @contextmanager
    def up(self) -> Iterator["Shop"]:
        """Up for the length of a block; what is in hand at its end is ended first."""
        self.run("up")
        try:
            yield self
        finally:
            self.run("down")

    def run(self, *arguments: str) -> str:
        """Runs `shop …` and returns what it prints. Raises RuntimeError with that if it fails."""
        return self._output([SHOP, *arguments], timeout=600)

    def module(self, name: str, *arguments: object) -> str:
        """Runs `python -m name …` in this shop's environment and returns what it prints. Raises RuntimeError."""
        return self._output([sys.executable, "-m", name, *map(str, arguments)], timeout=3600)

    def processes(self) -> dict[str, dict[str, Any]]:
        """What `shop status --json` tells of each process, by name."""
        return {found["name"]: found for found in json.loads(self.run("status", "--json"))["processes"]}

    @contextmanager
    def customers(self, count: int) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
        """Registers customers (`benchmarks.customers`); yields a function that has them do something and answer."""
        products = self.module("benchmarks.history", "some").split()
        command = ["python", "-m", "benchmarks.customers", self.processes()["api"]["address"], str(count), *products]
        log = Path(self.environment["SHOP_VAR"]) / "log" / "customers.log"
        with process("customers", command, self.environment, log, answers=True) as child:

            def ask(what: dict[str, Any] | None) -> dict[str, Any]:
                assert child.stdin is not None
                assert child.stdout is not None
                if what is not None:
                    print(json.dumps(what), file=child.stdin, flush=True)
                answer = child.stdout.readline()
                if not answer:
                    raise RuntimeError(f"The customers have gone:\n{log.read_text()[-2000:]}")
                found: dict[str, Any] = json.loads(answer)
                return found

            ask(None)  # they say when they are registered
            yield ask

    def _output(self, command: Sequence[str | Path], timeout: float) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """Name → seconds of processor time that the process, its children and its ended children have had so far."""
    return {name: _cpu_seconds(psutil.Process(pid)) for name, pid in pids.items()}


def _cpu_seconds(root: psutil.Process) -> float:
    total = 0.0
    for one in [root, *root.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def peak_memory(pids: dict[str, int]) -> dict[str, float]:
    """Name → MiB of memory that the process or one of its children has had at most so far (VmHWM; Linux)."""
    return {name: max(map(_peak, _family(pid))) for name, pid in pids.items()}


def memory(pids: dict[str, int]) -> dict[str, float]:
    """Name → MiB of memory that the process and its children have now, shared pages in proportion (PSS; Linux)."""
    return {name: sum(map(_proportional, _family(pid))) for name, pid in pids.items()}


def _proportional(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has ended meanwhile
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _peak(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0  # it has ended meanwhile
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
