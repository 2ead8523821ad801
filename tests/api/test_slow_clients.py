"""Slow clients occupy no threads: real connections to a server with four threads."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from api.app import create_app
from api.server.connection import MAX_PENDING
from api.server.incoming import LARGE
from tests.conftest import PASSWORD
from tests.serving import serving

SECRETS = json.dumps({"username": "customer", "password": PASSWORD})
LOGIN = "POST /v1/auth/login HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
HALF_SENT = {
    "nothing": "",
    "half a head": "GET /v1/products HTTP/1.1\r\nHost: sh",
    "half a body": f"{LOGIN}Content-Length: {len(SECRETS)}\r\n\r\n{SECRETS[:-5]}",
    "half a chunk": f"{LOGIN}Transfer-Encoding: chunked\r\n\r\nff\r\n{{",
    "no last chunk": f"{LOGIN}Transfer-Encoding: chunked\r\n\r\n5\r\n{{}}   \r\n",
    "a head without end": "GET / HTTP/1.1\r\n" + "X-Header: x\r\n" * 80,
}


@pytest.fixture(scope="module")
def url(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with four threads and the timeouts of production."""
    with serving(tmp_path_factory.mktemp("api"), SHOP_API_THREADS="4") as url:
        yield url


@pytest.fixture(scope="module")
def impatient(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with short timeouts."""
    settings = {"SHOP_API_THREADS": "4", "SHOP_API_HEAD_TIMEOUT": "1", "SHOP_API_BODY_TIMEOUT": "1"}
    with serving(tmp_path_factory.mktemp("api"), **settings) as url:
        yield url


@pytest.fixture
def connect(url: str) -> Iterator[Callable[..., socket.socket]]:
    """Opens connections that are closed after the test."""
    with ExitStack() as opened:

        def made(sent: str, to: str = url, **options: int) -> socket.socket:
            connection = opened.enter_context(socket.socket())
            for name, value in options.items():
                connection.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
            connection.settimeout(30)
            address = urlsplit(to)
            connection.connect((address.hostname, address.port))
            connection.sendall(sent.encode())
            return connection

        yield made


def read(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Status and body of one answer, and nothing of the next one."""
    head, body = b"", b""
    while not head.endswith(b"\r\n\r\n"):
        head += received(connection, 1)
    lines = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
    while left := int(lines.get("content-length", 0)) - len(body):
        body += received(connection, left)
    return int(head.split()[1]), json.loads(body) if body else {}


def received(connection: socket.socket, most: int = 65536) -> bytes:
    data = connection.recv(most)
    assert data, "the connection was closed"
    return data


def serves(url: str, times: int = 12) -> None:
    """The server answers others: as many requests as occupy all threads, three times over."""
    for _ in range(times):
        assert requests.get(f"{url}/healthz", timeout=15).status_code == 200


@pytest.mark.parametrize("sent", HALF_SENT.values(), ids=HALF_SENT)
def test_half_sent_requests_do_not_delay_others(url: str, connect: Callable[..., Any], sent: str) -> None:
    for _ in range(100):
        connect(sent)
    serves(url)


def test_five_hundred_half_open_connections_do_not_delay_others(url: str, connect: Callable[..., Any]) -> None:
    for sent in HALF_SENT.values():
        for _ in range(85):
            connect(sent)
    serves(url)


def test_more_connections_than_the_server_takes_do_not_shut_it(tmp_path: Path, connect: Callable[..., Any]) -> None:
    arguments = "--worker-connections=100"
    with serving(tmp_path, SHOP_API_THREADS="4", GUNICORN_CMD_ARGS=arguments) as url:
        for _ in range(300):
            connect(HALF_SENT["half a head"], to=url)
        serves(url)


def test_clients_that_do_not_read_their_answers_do_not_delay_others(url: str, connect: Callable[..., Any]) -> None:
    largest = requests.get(f"{url}/openapi.json", timeout=60)  # made once, which takes seconds
    assert largest.status_code == 200
    assert len(largest.content) < MAX_PENDING
    for _ in range(50):
        connect("GET /openapi.json HTTP/1.1\r\nHost: shop\r\n\r\n" * 3, SO_RCVBUF=2048)
    serves(url)


def test_clients_that_do_not_close_their_end_do_not_delay_others(url: str, connect: Callable[..., Any]) -> None:
    for _ in range(50):
        connect("GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
    began = time.monotonic()
    serves(url)
    assert time.monotonic() - began < 50  # gunicorn's own workers wait two seconds for each of them


def test_idle_connections_stay_open_and_are_used_again(url: str, connect: Callable[..., Any]) -> None:
    idle = [connect("GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n") for _ in range(100)]
    assert {read(connection)[0] for connection in idle} == {200}
    serves(url)
    for connection in idle:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert read(connection) == (200, {"status": "ok"})


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("body", ["length", "chunked"])
def test_a_request_arrives_in_pieces_of_any_size(
    url: str, customer: Any, connect: Callable[..., Any], body: str, size: int
) -> None:
    chunks = "".join(f"{len(part):x};x=y\r\n{part}\r\n" for part in (SECRETS[:9], SECRETS[9:])) + "0\r\nX-T: 1\r\n\r\n"
    tail = {
        "length": f"Content-Length: {len(SECRETS)}\r\n\r\n{SECRETS}",
        "chunked": f"Transfer-Encoding: chunked\r\n\r\n{chunks}",
    }
    two = (LOGIN + tail[body]) * 2
    connection = connect("")
    for start in range(0, len(two), size):
        connection.sendall(two[start : start + size].encode())
    for _ in range(2):
        status, answer = read(connection)
        assert (status, answer["token_type"]) == (200, "Bearer"), answer


def test_pipelined_requests_are_answered_in_their_order(url: str, connect: Callable[..., Any]) -> None:
    paths = ("/healthz", "/v1/nothing", "/healthz", "/v1/me")
    connection = connect("".join(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n" for path in paths))
    statuses = []
    data = b""
    while data.count(b"HTTP/1.1 ") < 4:
        data += received(connection)
    statuses = [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 200, 401]


def test_an_expected_body_is_asked_for(url: str, customer: Any, connect: Callable[..., Any]) -> None:
    connection = connect(f"{LOGIN}Expect: 100-continue\r\nContent-Length: {len(SECRETS)}\r\n\r\n")
    assert received(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(SECRETS.encode())
    assert read(connection)[0] == 200


def test_a_large_body_is_refused_before_it_has_arrived(url: str, connect: Callable[..., Any]) -> None:
    for framing in (f"Content-Length: {LARGE * 2}", "Transfer-Encoding: chunked"):
        connection = connect(f"{LOGIN}{framing}\r\n\r\n")
        if "chunked" in framing:
            connection.sendall(f"{LARGE * 2:x}\r\n".encode() + b" " * (LARGE + 1000))
        status, answer = read(connection)
        assert (status, answer["code"]) == (413, "body_too_large")


def test_a_large_file_arrives_however_slowly_it_is_read(url: str, sign_in: Callable[..., Any]) -> None:
    boss = sign_in("boss", "admin")
    rows = "".join(f"SKU-{n},Tea {n},1.00,EUR,{'x' * 900}\n" for n in range(3000))  # 3 MB
    body = ("sku,title,price,currency,description\n" + rows).encode()
    headers = {**boss.headers, "Content-Type": "text/csv"}
    answer = requests.post(f"{url}/v1/catalogue/imports", data=body, headers=headers, timeout=60)
    assert answer.status_code in (202, 422), answer.text  # read as a whole, whatever it says


MALFORMED = {
    "chunk size": (f"{LOGIN}Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request"),
    "negative chunk size": (f"{LOGIN}Transfer-Encoding: chunked\r\n\r\n-6\r\n", 400, "bad_request"),
    "chunk size in Python": (f"{LOGIN}Transfer-Encoding: chunked\r\n\r\n0x_5\r\n", 400, "bad_request"),
    "two lengths": (f"{LOGIN}Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", 400, "bad_request"),
    "length and chunks": (f"{LOGIN}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request"),
    "request line": ("GET\r\n\r\n", 400, "bad_request"),
    "bare line feeds": ("GET / HTTP/1.1\nHost: shop\n\n\r\n\r\n", 400, "bad_request"),
    "long line": (f"GET /{'x' * 70_000}", 414, "uri_too_long"),
    "long head": ("GET / HTTP/1.1\r\n" + "X-Header: x\r\n" * 6000, 431, "headers_too_large"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_with_a_problem(url: str, connect: Callable[..., Any], name: str) -> None:
    sent, status, code = MALFORMED[name]
    connection = connect(sent)
    found, answer = read(connection)
    assert (found, answer["code"]) == (status, code)
    connection.settimeout(10)
    assert connection.recv(100) == b""  # what follows is never taken for a request


@pytest.mark.parametrize("name", [name for name in HALF_SENT if name != "nothing"])
def test_a_request_that_does_not_arrive_in_time_is_refused(
    impatient: str, connect: Callable[..., Any], name: str
) -> None:
    connection = connect(HALF_SENT[name], to=impatient)
    status, answer = read(connection)
    assert (status, answer["code"]) == (408, "request_timeout")
    assert connection.recv(100) == b""


def test_a_body_that_trickles_is_refused(impatient: str, connect: Callable[..., Any]) -> None:
    connection = connect(f"{LOGIN}Content-Length: 5000\r\n\r\n", to=impatient)
    status = None
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.1)
        connection.settimeout(0.001)
        try:
            status = connection.recv(12)
            break
        except TimeoutError:
            connection.settimeout(30)
    assert status == b"HTTP/1.1 408"


def test_a_large_file_that_does_not_arrive_in_time_is_refused(
    impatient: str, sign_in: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    token = sign_in("boss", "admin").access_token
    head = f"POST /v1/catalogue/imports HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n"
    length = f"Content-Type: text/csv\r\nContent-Length: {LARGE * 2}\r\n\r\n"
    stalled = [connect(head + length + "sku,", to=impatient) for _ in range(4)]
    for connection in stalled:
        status, answer = read(connection)
        assert (status, answer["code"]) == (408, "request_timeout")
    serves(impatient)


def test_a_connection_that_sends_nothing_is_closed(impatient: str, connect: Callable[..., Any]) -> None:
    assert connect("", to=impatient).recv(100) == b""


def test_no_file_of_a_view_is_refused_by_the_server(app: Any) -> None:
    """Larger bodies than LARGE are read by the thread, so that a view decides first who may send them."""
    assert create_app().config["MAX_CONTENT_LENGTH"] == LARGE
