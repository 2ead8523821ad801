"""deploy/nginx.conf, run by nginx in front of the API."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from api.http.errors import SERVER_CODES
from local.waiting import wait_until
from models.accounts.tables import LoginSession
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.photographs import photograph
from tests.ports import reserved_port
from tests.processes import ROOT
from tests.serving import serving
from tests.shopping import make_product

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not on PATH; on Debian: apt-get install nginx-light")
CONFIGURATION = ROOT / "deploy" / "nginx.conf"


@dataclass(frozen=True)
class Proxy:
    port: int
    plain_port: int
    certificate: str

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, verify=self.certificate, timeout=20, **options)

    def connect(self, sent: str) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self.certificate)
        connection = context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port)), server_hostname="localhost"
        )
        connection.settimeout(20)
        connection.sendall(sent.encode())
        return connection


def certify(folder: Path) -> None:
    """Writes a self-signed certificate for localhost."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))


@pytest.fixture(scope="module")
def api(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("api"), SHOP_API_PROXIES="1", SHOP_API_THREADS="4") as url:
        yield url


@pytest.fixture(scope="module")
def proxy(api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxying(api, tmp_path_factory.mktemp("nginx")) as found:
        yield found


@contextmanager
def proxying(api: str, folder: Path) -> Iterator[Proxy]:
    """nginx with the configuration, in front of this API."""
    with reserved_port() as port, reserved_port() as plain_port:
        certify(folder)
        site = CONFIGURATION.read_text()
        for ours, theirs in (
            ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("server 127.0.0.1:8000;", f"server {api.removeprefix('http://')};"),
            ("/etc/letsencrypt/live/shop.example", str(folder)),
            ("server_name shop.example;", "server_name localhost;"),
        ):
            assert ours in site
            site = site.replace(ours, theirs)
        (folder / "site.conf").write_text(site)
        folders = "".join(
            f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        http = f"access_log off;\n{folders}include {folder}/site.conf;\n"
        main = f"{user}pid {folder}/pid;\nevents {{}}\nhttp {{\n{http}}}\n"
        (folder / "nginx.conf").write_text(main)
        assert NGINX
        command = [
            NGINX,
            "-p",
            str(folder),
            "-c",
            f"{folder}/nginx.conf",
            "-e",
            f"{folder}/error.log",
            "-g",
            "daemon off;",
        ]
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        found = Proxy(port, plain_port, str(folder / "fullchain.pem"))
        try:
            assert wait_until(lambda: process.poll() is not None or answers(port), 20), "nginx does not listen"
            assert process.poll() is None, (folder / "output").read_text()
            yield found
        finally:
            process.terminate()
            process.wait(20)


def answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_tls_ends_at_the_proxy_and_plain_requests_are_redirected(proxy: Proxy, database: None) -> None:
    answer = proxy.request("GET", "/v1/products")
    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert "Strict-Transport-Security" in answer.headers
    plain = requests.get(f"http://localhost:{proxy.plain_port}/v1/products?limit=1", allow_redirects=False, timeout=20)
    assert (plain.status_code, plain.headers["Location"]) == (308, "https://localhost/v1/products?limit=1")


def test_half_sent_requests_stay_at_the_proxy(proxy: Proxy, api: str, database: None) -> None:
    head = "POST /v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with ExitStack() as opened:
        for sent in ("GET /v1/pro", f"{head}Content-Length: 50\r\n\r\n{{"):
            for _ in range(20):  # together fewer than limit_conn
                opened.enter_context(proxy.connect(sent))
        port = int(api.rpartition(":")[2])
        assert len(established(port)) <= 1  # kept from another test
        assert proxy.request("GET", "/v1/products").status_code == 200


def established(port: int) -> list[object]:
    """The proxy's connections to the API."""
    ends = (found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_ESTABLISHED)
    return [found for found in ends if found.raddr and found.raddr.port == port]


def test_an_event_stream_passes_unbuffered(proxy: Proxy, sign_in: Any) -> None:
    boss = sign_in("boss", "staff")
    options = {"headers": boss.headers, "stream": True}
    with proxy.request("GET", "/v1/events/stream", **options) as stream:
        lines = stream.iter_lines(chunk_size=1)
        began = time.monotonic()
        assert next(lines) == b"retry: 1000"
        assert time.monotonic() - began < 8  # less than a heartbeat: it was not held back


def test_a_forged_forwarded_address_does_not_count(proxy: Proxy, customer: Any) -> None:
    body = {"username": customer.username, "password": PASSWORD}
    headers = {"X-Forwarded-For": "203.0.113.7, 198.51.100.4", "X-Real-Ip": "203.0.113.7", "Forwarded": "for=1.2.3.4"}
    assert proxy.request("POST", "/v1/auth/login", json=body, headers=headers).status_code == 200
    with transaction() as session:
        assert set(session.scalars(select(LoginSession.ip))) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/auth/login", b" " * ((1 << 20) + 1), 413, "body_too_large"),
        ("/readyz", None, 404, "not_found"),
        ("/flower", None, 404, "not_found"),
        ("/v1/products?q=" + "x" * 9000, None, 414, "uri_too_long"),
    ],
)
def test_what_the_proxy_refuses_is_a_problem_document(
    proxy: Proxy, path: str, body: bytes | None, status: int, code: str
) -> None:
    answer = proxy.request("POST" if body else "GET", path, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (answer.json()["code"], answer.json()["status"]) == (code, status)


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/sign-in", b" " * ((1 << 20) + 1), 413, "This is too large."),
        ("/readyz", None, 404, "There is no such page."),
    ],
)
def test_what_the_proxy_refuses_is_a_page_for_browsers(
    proxy: Proxy, path: str, body: bytes | None, status: int, text: str
) -> None:
    headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = proxy.request("POST" if body else "GET", path, data=body, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{text}" in answer.text


@pytest.mark.parametrize(("accept", "found"), [("*/*", '"code": "unavailable"'), ("text/html", "<h1>The shop is not")])
def test_without_the_api_the_proxy_says_so(tmp_path: Path, accept: str, found: str) -> None:
    with reserved_port() as port, proxying(f"http://127.0.0.1:{port}", tmp_path) as proxy:
        answer = proxy.request("GET", "/products", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert found in answer.text


def test_staff_upload_pictures_by_the_form_of_the_desk(proxy: Proxy, sign_in: Any) -> None:
    product_id = make_product("EMMA", 3)
    boss = sign_in("boss", "admin")
    path = f"{proxy.url}/desk/products/{product_id}/pictures"
    with requests.Session() as browser:
        browser.trust_env = False  # in which REQUESTS_CA_BUNDLE would win over `verify`
        browser.verify = proxy.certificate
        form = {"username": boss.username, "password": PASSWORD, **hidden(browser, f"{proxy.url}/sign-in")}
        assert browser.post(f"{proxy.url}/sign-in", data=form, timeout=20).url == f"{proxy.url}/"
        files = [("file", (f"{number}.jpg", photograph() + bytes(8 << 20))) for number in range(4)]
        sent = browser.post(path, data=hidden(browser, path), files=files, timeout=60)
    assert (sent.status_code, "The pictures are uploaded" in sent.text) == (200, True)


def hidden(browser: requests.Session, url: str) -> dict[str, str]:
    """The hidden fields of a page's first form that has any."""
    page = browser.get(url, timeout=20).text
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)[::-1])


def test_requests_are_limited_per_address(proxy: Proxy) -> None:
    with requests.Session() as session:
        for _ in range(400):
            answer = session.get(f"{proxy.url}/healthz", timeout=20, verify=proxy.certificate)
            if answer.status_code != 200:
                break
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, "too_many_requests", "5")


def test_the_documents_of_the_configuration_are_those_of_the_api() -> None:
    documents = [json.loads(text) for text in re.findall(r"return \d+ '(\{.*\})'", CONFIGURATION.read_text())]
    assert len(documents) == 7
    codes = (ROOT / "docs" / "errors.md").read_text()
    for document in documents:
        assert f"### `{document['code']}`" in codes
        assert document["type"] == f"/docs/errors#{document['code']}"
        assert SERVER_CODES.get(document["status"], document["code"]) == document["code"]
