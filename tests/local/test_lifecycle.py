"""The stack of one machine: start, kills of single processes and of the supervisor, stop."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
import requests

from local.waiting import wait_until
from tests.command import FREE_PORTS, processes, shop

pytestmark = pytest.mark.long

NAMES = {
    "postgres", "redis", "gateway", "paypal", "carrier", "mailbox", "api", "rpc", "worker-shop", "worker-mail",
    "worker-messages", "worker-bulk", "dispatcher-1", "dispatcher-2", "beat", "relay", "webhooks", "flower", "metrics",
}  # fmt: skip


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running stack."""
    folder = tmp_path_factory.mktemp("stack") / "var"
    found = shop(folder, "up", **FREE_PORTS)
    assert found.returncode == 0, found.stdout + found.stderr
    yield folder
    shop(folder, "down")


def supervisor(var: Path) -> psutil.Process:
    return psutil.Process(int((var / "run" / "supervisord.pid").read_text()))


def sees(var: Path, name: str, state: str, restarts: int) -> bool:
    found = processes(var)[name]
    return (found["state"], found["restarts"]) == (state, restarts)


def test_status_lists_each_process(var: Path) -> None:
    found = processes(var)
    assert set(found) == NAMES
    for process in found.values():
        assert (process["state"], process["restarts"]) == ("running", 0)
        assert psutil.pid_exists(process["pid"])
        age = datetime.now(UTC) - datetime.fromisoformat(process["up_since"])
        assert -2 < age.total_seconds() < 300
    assert requests.get(found["api"]["address"] + "/readyz", timeout=10).status_code == 200
    assert shop(var, "status").returncode == 0


def test_workers_have_a_higher_priority_than_the_api(var: Path) -> None:
    def niceness(name: str) -> set[int]:
        return {child.nice() for child in psutil.Process(processes(var)[name]["pid"]).children()}

    [api], [worker] = niceness("api"), niceness("worker-shop")
    assert api > worker


def test_a_second_up_prints_the_addresses(var: Path) -> None:
    before = processes(var)
    found = shop(var, "up", **FREE_PORTS)
    assert found.returncode == 0
    assert found.stdout.startswith("The stack is already running.\n")
    assert before["api"]["address"] in found.stdout
    assert processes(var) == before


def test_flower_requires_the_configured_password(var: Path) -> None:
    address = processes(var)["flower"]["address"]
    assert requests.get(address, timeout=10).status_code == 401
    password = shop(var, "config", "flower_password").stdout.strip()
    assert requests.get(address, auth=("operator", password), timeout=10).status_code == 200


def test_no_command_line_contains_a_password(var: Path) -> None:
    secrets = [value for name, value in json.loads((var / "stack.json").read_text()).items() if "port" not in name]
    for process in [supervisor(var), *supervisor(var).children(recursive=True)]:
        assert not any(str(secret) in " ".join(process.cmdline()) for secret in secrets)


@pytest.mark.parametrize("name", ["api", "worker-shop", "dispatcher-1", "redis", "postgres"])
def test_a_killed_process_is_restarted(var: Path, name: str) -> None:
    before = processes(var)[name]
    os.kill(before["pid"], signal.SIGKILL)
    assert wait_until(lambda: sees(var, name, "running", before["restarts"] + 1), 30, 0.2)
    assert processes(var)[name]["pid"] != before["pid"]


def test_one_process_is_restarted_gracefully(var: Path) -> None:
    before = processes(var)
    found = shop(var, "restart", "worker-mail")
    assert (found.returncode, found.stdout) == (0, "worker-mail is ready.\n"), found.stderr
    after = processes(var)
    assert after["worker-mail"]["pid"] != before["worker-mail"]["pid"]
    assert {name: one["pid"] for name, one in after.items() if name != "worker-mail"} == {
        name: one["pid"] for name, one in before.items() if name != "worker-mail"
    }
    unknown = shop(var, "restart", "nobody")
    assert (unknown.returncode, "No process is named nobody. There are: postgres" in unknown.stderr) == (1, True)


def test_a_running_shop_is_backed_up_and_restored(var: Path, tmp_path: Path) -> None:
    made = shop(var, "create-admin", "--username", "boss", "--email", "boss@example.org", "--password", "correct horse")
    assert made.returncode == 0, made.stderr
    dump = str(tmp_path / "shop.dump")
    assert shop(var, "backup", dump).returncode == 0
    database = f"host={var}/run user=postgres dbname=shopflow"
    with psycopg.connect(database) as connection:
        connection.execute("""UPDATE accounts."user" SET first_name = 'Eve'""")
    restored = shop(var, "restore", dump, "--yes")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    with psycopg.connect(database) as connection:
        assert connection.execute("""SELECT count(*) FROM accounts."user" WHERE first_name = 'Eve'""").fetchone() == (
            0,
        )
    assert shop(var, "status").returncode == 0
    audited = shop(var, "audit")
    assert audited.returncode == 0, audited.stdout + audited.stderr


def runs(process: psutil.Process) -> bool:
    """Whether the process is alive. A zombie is not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def answers(database: str) -> bool:
    """Whether the database accepts connections; after a kill it recovers first."""
    try:
        psycopg.connect(database).close()
    except psycopg.OperationalError:
        return False
    return True


def test_killing_the_supervisor_ends_every_process_and_loses_no_data(var: Path) -> None:
    database = f"host={var}/run user=postgres dbname=shopflow"
    assert wait_until(lambda: answers(database), 30)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.Redis(unix_socket_path=f"{var}/run/redis.sock") as client:
        client.set("kept", "message")
    everything = [supervisor(var), *supervisor(var).children(recursive=True)]
    everything[0].kill()
    assert wait_until(lambda: not any(runs(process) for process in everything), 30)
    assert shop(var, "status").returncode == 3

    found = shop(var, "up", **FREE_PORTS)
    assert found.returncode == 0, found.stdout + found.stderr
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        connection.execute("DROP TABLE kept")
    with redis.Redis(unix_socket_path=f"{var}/run/redis.sock") as client:
        assert client.get("kept") == b"message"


def test_down_ends_every_process_and_a_second_down_is_harmless(var: Path) -> None:
    everything = [supervisor(var), *supervisor(var).children(recursive=True)]
    assert shop(var, "down").stdout == "The stack is stopped.\n"
    assert not [process for process in everything if runs(process)]
    assert shop(var, "down").stdout == "The stack was not running.\n"


def test_a_failed_start_names_the_process_and_its_log_and_stops_the_stack(tmp_path: Path) -> None:
    (tmp_path / "var" / "postgres").mkdir(parents=True)
    (tmp_path / "var" / "postgres" / "PG_VERSION").write_text("9.6\n")
    found = shop(tmp_path / "var", "up", **FREE_PORTS)
    assert found.returncode == 1
    assert found.stderr.startswith("Error: postgres did not get ready. Its log ends:\n")
    assert "postgresql.conf" in found.stderr
    assert shop(tmp_path / "var", "status").returncode == 3
