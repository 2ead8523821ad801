"""The API's processes: forked from one that has imported the application, and replaced if they die."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import psutil
import requests

from local.waiting import wait_until
from tests.serving import serving


def test_a_killed_process_is_replaced_and_shares_the_application(seeds: Any, tmp_path: Path) -> None:
    with serving(tmp_path, SHOP_API_WORKERS="2", SHOP_API_THREADS="4") as url:
        log = tmp_path / "api.log"
        wait_until(lambda: log.read_text().count("Booting worker") == 2, 20)
        booted = [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", log.read_text())]
        for pid in booted:
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: log.read_text().count("Booting worker") == 4, 20)
        assert requests.get(f"{url}/v1/products", timeout=20).status_code == 200
        new = int(re.findall(r"Booting worker with pid: (\d+)", log.read_text())[-1])
        memory = psutil.Process(new).memory_full_info()
        assert memory.uss < memory.rss / 2  # most of it is that of the process from which it was forked
