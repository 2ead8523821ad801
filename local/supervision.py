"""The supervisor: starts the programs, restarts those that exit, and reports their status."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import click
from supervisor.xmlrpc import SupervisorTransport

import settings as settings_module
from local.processes import ProcessSpec, flower_environment, processes
from local.sockets import ensure_private_folder
from local.waiting import wait_until
from settings import Settings, var_folder

ROOT = Path(settings_module.__file__).parent
GROUP = "shop"  # one group, because stopping takes the supervisor a second per group


@dataclass(frozen=True)
class ProcessStatus:
    """The status of a program. `up_since`: RFC 3339 in UTC; empty if it does not run."""

    name: str
    state: str
    pid: int | None
    address: str
    up_since: str
    restarts: int

    as_dict = asdict


def logs() -> Path:
    """The folder of the programs' logs."""
    return var_folder() / "log"


def start(settings: Settings) -> None:
    """Starts the supervisor in the background, which starts the servers. `start_shop` starts the other programs.

    Programs receive the settings through the environment. Raises ClickException if the supervisor does not start.
    """
    ensure_private_folder(settings.sockets)
    for folder in (logs(), _starts(settings), var_folder() / "beat"):
        folder.mkdir(mode=0o700, exist_ok=True)
    for file in _starts(settings).iterdir():
        file.unlink()
    configuration = var_folder() / "supervisord.conf"
    configuration.write_text(_configuration(settings))
    _socket(settings).unlink(missing_ok=True)  # left by a killed supervisor
    started = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
        env=environment(settings), cwd=ROOT, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if started.returncode != 0 or not wait_until(lambda: is_up(settings), 10):
        raise click.ClickException(f"The supervisor did not start: {started.stdout}{started.stderr}")


def start_shop(settings: Settings) -> None:
    """Starts all programs except the servers. Does not wait for them."""
    for program in processes(settings):
        if not program.server:
            _call(settings, "startProcess", f"{GROUP}:{program.name}", False)


def restart(settings: Settings, name: str) -> None:
    """Stops a program, which finishes its current work first, and starts it again. Does not wait for it to be ready."""
    stop_programs(settings, [name])
    _call(settings, "startProcess", f"{GROUP}:{name}", False)


def stop_programs(settings: Settings, names: Iterable[str]) -> None:
    """Stops these programs and waits for them. They finish their current work first."""
    running = [info["name"] for info in _call(settings, "getAllProcessInfo") if info["name"] in set(names)]
    for name in running:
        try:
            _call(settings, "stopProcess", f"{GROUP}:{name}", False)
        except Fault:  # NOT_RUNNING: it has already exited
            continue
    wait_until(lambda: not any(_alive(settings, name) for name in running), 60)


def is_up(settings: Settings) -> bool:
    """Whether the supervisor of this data folder runs."""
    try:
        return bool(_call(settings, "getState"))
    except (OSError, HTTPException):
        return False


def is_complete(settings: Settings) -> bool:
    """Whether all programs have been started. False after a `shop up` or `shop down` that was killed."""
    return is_up(settings) and not any(process.state in ("stopped", "stopping") for process in statuses(settings))


def statuses(settings: Settings) -> list[ProcessStatus]:
    """The status of each program. Raises OSError if the supervisor does not run."""
    addresses = {program.name: program.address for program in processes(settings)}
    return [_process(settings, info, addresses) for info in _call(settings, "getAllProcessInfo")]


def stop(settings: Settings) -> None:
    """Stops all programs, the servers last, and waits for them. Does nothing if the supervisor does not run.

    Programs finish their current work first. A program that takes longer than its `stop_seconds` is killed.
    """
    if not is_up(settings):
        return
    stop_programs(settings, [program.name for program in processes(settings) if not program.server])
    pid = _call(settings, "getPID")
    _call(settings, "shutdown")
    wait_until(lambda: not _exists(pid), 60)


def environment(settings: Settings) -> dict[str, str]:
    """The environment of the programs: all settings, and a PATH that begins with this Python's commands."""
    values = {f"SHOP_{name.upper()}": str(value) for name, value in settings.model_dump(mode="json").items()}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {
        **os.environ, **values, **flower_environment(settings),
        "SHOP_VAR": str(var_folder()), "PATH": path, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip


def _configuration(settings: Settings) -> str:
    parts = [
        _section("unix_http_server", file=_socket(settings), chmod="0700"),
        _section(
            "supervisord", logfile=logs() / "supervisord.log", logfile_maxbytes="10MB", logfile_backups=1, umask="077",
            pidfile=settings.sockets / "supervisord.pid", **({"user": "root"} if os.geteuid() == 0 else {}),
        ),
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "",
    ]  # fmt: skip
    wanted = processes(settings)
    parts.append(_section(f"group:{GROUP}", programs=",".join(program.name for program in wanted)))
    parts += [_program_section(settings, program, priority) for priority, program in enumerate(wanted)]
    return "\n".join(parts)


def _program_section(settings: Settings, program: ProcessSpec, priority: int) -> str:
    wrapper = [sys.executable, "-m", "local.die_with_parent", str(_starts(settings) / program.name)]
    return _section(
        f"program:{program.name}",
        command=shlex.join([*wrapper, *program.command]),
        directory=ROOT,
        environment=",".join(f'{name}="{value}"' for name, value in program.environment.items()),
        priority=priority,
        autostart=str(program.server).lower(),
        autorestart="true",
        startsecs=1,
        startretries=10**9,
        stopsignal=program.stop_signal,
        stopwaitsecs=program.stop_seconds,
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=logs() / f"{program.name}.log",
        stdout_logfile_maxbytes="10MB",
        stdout_logfile_backups=2,
    )


def _section(name: str, **options: Any) -> str:
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in options.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _process(settings: Settings, info: dict[str, Any], addresses: dict[str, str]) -> ProcessStatus:
    starts = _starts(settings) / info["name"]
    alive = info["statename"] in ("STARTING", "RUNNING", "STOPPING")
    return ProcessStatus(
        name=info["name"],
        state=info["statename"].lower(),
        pid=info["pid"] or None,
        address=addresses.get(info["name"], ""),
        up_since=datetime.fromtimestamp(info["start"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if alive else "",
        restarts=max(starts.stat().st_size - 1, 0) if starts.exists() else 0,
    )


def _call(settings: Settings, method: str, *arguments: Any) -> Any:
    """Calls a method of the supervisor. Raises OSError if it does not run."""
    transport = SupervisorTransport(None, None, f"unix://{_socket(settings)}")
    try:
        proxy = ServerProxy("http://supervisor", transport=transport)
        return getattr(proxy.supervisor, method)(*arguments)
    finally:
        transport.close()


def _alive(settings: Settings, name: str) -> bool:
    return _call(settings, "getProcessInfo", f"{GROUP}:{name}")["statename"] in ("STARTING", "RUNNING", "STOPPING")


def _socket(settings: Settings) -> Path:
    return settings.sockets / "control.sock"


def _starts(settings: Settings) -> Path:
    return settings.sockets / "starts"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
