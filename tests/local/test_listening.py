"""The stack with an API that listens on all addresses."""

import socket
from pathlib import Path

import pytest
import requests

from tests.command import FREE_PORTS, processes, shop

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_an_api_that_listens_on_all_ipv6_addresses_starts_and_names_its_address(tmp_path: Path) -> None:
    var = tmp_path / "var"
    found = shop(var, "up", **FREE_PORTS, SHOP_API_HOST="::")
    try:
        assert found.returncode == 0, found.stdout + found.stderr
        address = processes(var)["api"]["address"]
        assert address.startswith("http://[::1]:")
        assert f"{address}/v1" in found.stdout
        port = address.rpartition(":")[2]
        for url in (address, f"http://127.0.0.1:{port}"):
            assert requests.get(f"{url}/readyz", timeout=10).status_code == 200
    finally:
        shop(var, "down")
