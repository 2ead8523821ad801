"""Runs single programs of a shop, or a complete shop with `shop up`."""

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
READY_TIMEOUT = 60.0  # seconds


@contextmanager
def process(
    name: str, command: Sequence[str], environment: dict[str, str], log: Path, *, answers: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Runs a program for the duration of a block, then stops it; kills it after 20 s.

    Its output goes to `log`. If `answers`, its standard output is a pipe instead.
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

    PostgreSQL and Redis use fsync, as in production. Workers run `benchmarks.workers`. Raises RuntimeError if a program
    does not get ready.
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
            if not wait_until(partial(ready, settings, wanted[name]), READY_TIMEOUT, 0.1):
                log = settings.var / f"{name}.log"
                raise RuntimeError(f"{name} did not get ready:\n{log.read_text()[-2000:]}")
        yield found


class Shop:
    """A complete shop in its own folder and on free ports, started with `shop up`. `tree`: the folder of its code."""

    def __init__(self, var: Path, tree: Path = ROOT, **settings: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
        ports = {
            f"SHOP_{name}_PORT": "0" for name in ("API", "FLOWER", "GATEWAY", "PAYPAL", "CARRIER", "MAILBOX", "SMTP")
        }
        self.tree = tree
        self.environment = {**clean, **ports, "PYTHONPATH": str(tree), "SHOP_VAR": str(var), **settings}

    @contextmanager
    def up(self) -> Iterator["Shop"]:
        """Runs the shop for the duration of a block, then stops it gracefully."""
        self.run("up")
        try:
            yield self
        finally:
            self.run("down")

    def run(self, *arguments: str) -> str:
        """Runs `shop …` and returns its output. Raises RuntimeError with the output if it fails."""
        return self._output([SHOP, *arguments], timeout=600)

    def module(self, name: str, *arguments: object) -> str:
        """Runs `python -m name …` in the shop's environment and returns its output. Raises RuntimeError."""
        return self._output([sys.executable, "-m", name, *map(str, arguments)], timeout=3600)

    def processes(self) -> dict[str, dict[str, Any]]:
        """The processes in the output of `shop status --json`, by name."""
        return {found["name"]: found for found in json.loads(self.run("status", "--json"))["processes"]}

    @contextmanager
    def customers(self, count: int) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
        """Starts `benchmarks.customers`; yields a function that sends a command and returns the response."""
        products = self.module("benchmarks.history", "some").split()
        command = ["python", "-m", "benchmarks.customers", self.processes()["api"]["address"], str(count), *products]
        log = Path(self.environment["SHOP_VAR"]) / "log" / "customers.log"
        with process("customers", command, self.environment, log, answers=True) as child:

            def send(what: dict[str, Any] | None) -> dict[str, Any]:
                assert child.stdin is not None
                assert child.stdout is not None
                if what is not None:
                    print(json.dumps(what), file=child.stdin, flush=True)
                answer = child.stdout.readline()
                if not answer:
                    raise RuntimeError(f"benchmarks.customers has exited:\n{log.read_text()[-2000:]}")
                found: dict[str, Any] = json.loads(answer)
                return found

            send(None)  # the first response: the customers are registered
            yield send

    def _output(self, command: Sequence[str | Path], timeout: float) -> str:
        done = subprocess.run(
            command, cwd=self.tree, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """Name → processor time in seconds of the process and its children, including ended ones."""
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
    """Name → peak memory in MiB of the largest among the process and its children (VmHWM; Linux)."""
    return {name: max(map(_peak, _family(pid))) for name, pid in pids.items()}


def memory(pids: dict[str, int]) -> dict[str, float]:
    """Name → current memory in MiB of the process and its children (PSS; Linux)."""
    return {name: sum(map(_proportional, _family(pid))) for name, pid in pids.items()}


def _proportional(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has ended in the meantime
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _peak(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0  # it has ended in the meantime
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
