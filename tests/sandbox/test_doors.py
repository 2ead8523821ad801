"""Which requests the sandboxes answer: none that a website makes in a browser on this machine."""

from collections.abc import Iterator

import pytest
import requests

from tests.servers import Server

MODULES = ("gateway", "carrier", "paypal", "mailbox")
DOMAINS = ("evil.example", "evil.example:8010", "127.0.0.1.evil.example", "localhost.evil.example")


@pytest.fixture(scope="module", params=MODULES)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = () if request.param == "mailbox" else ("--webhook-url", "http://127.0.0.1:9/hook")
    server = Server(f"sandbox.{request.param}", tmp_path_factory.mktemp(request.param), *options)
    yield server
    assert server.stop() == 0


def status(server: Server, method: str, path: str, body: str = "", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, server.url + path, data=body, headers=named, timeout=10).status_code


@pytest.mark.parametrize("host", DOMAINS)
def test_a_domain_that_leads_to_this_machine_is_refused(sandbox: Server, host: str) -> None:
    for method, path in (("GET", "/healthz"), ("GET", "/"), ("POST", "/sandbox/faults"), ("DELETE", "/sandbox/faults")):
        assert status(sandbox, method, path, Host=host) == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8010", "[::1]:8010", "gateway:8010", "shop.localhost"])
def test_names_of_this_machine_and_of_containers_are_answered(sandbox: Server, host: str) -> None:
    assert status(sandbox, "GET", "/healthz", Host=host) == 200


def test_a_change_that_another_site_asks_for_is_refused(sandbox: Server) -> None:
    ours = sandbox.url
    fault = '{"kind": "late", "times": 0, "seconds": 0}'
    for headers in (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site", "Origin": ours},
    ):  # fmt: skip
        assert status(sandbox, "POST", "/sandbox/faults", fault, Content_Type="application/json", **headers) == 403
        assert status(sandbox, "DELETE", "/sandbox/faults", **headers) == 403
    for headers in ({}, {"Origin": ours}, {"Origin": "null", "Sec_Fetch_Site": "same-origin"}):
        assert status(sandbox, "DELETE", "/sandbox/faults", **headers) not in (403, 415)


@pytest.mark.parametrize("kind", ["text/plain", "", "text/html"])
def test_a_body_that_is_neither_json_nor_a_form_is_refused(sandbox: Server, kind: str) -> None:
    assert status(sandbox, "POST", "/sandbox/faults", '{"kind": "late"}', Content_Type=kind) == 415
